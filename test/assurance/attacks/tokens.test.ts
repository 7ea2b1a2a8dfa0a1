import { createHmac, createPublicKey, generateKeyPairSync, sign, constants } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeToken, encodePart, signParts, expectTokenRefused, startForger } from '../../support/forge.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';

let service: TestService;
let forger: Awaited<ReturnType<typeof startForger>>;
beforeAll(async () => {
  service = await startService();
  forger = await startForger(service);
});
afterAll(() => service.close());

const expectRefused = (token: string) => expectTokenRefused(service, token);

test('200: the forger’s unchanged token is valid, so refusals below are due to the change', async () => {
  await service.session(forger.withClaims({})).expect(200);
});

/** A value for a test's title; undefined has no JSON. */
function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 40);
}

describe('A1 to A3: algorithms', () => {
  const cut = () => forger.tokens.access_token.split('.');

  test.each(['none', 'None', 'nOnE', 'NONE'])('401: alg %s with an empty signature', async (alg) => {
    const unsigned = `${encodePart({ ...forger.header, alg })}.${cut()[1]}`;
    await expectRefused(`${unsigned}.`);
    await expectRefused(unsigned);
  });

  test('401: HS256 under our public key in any encoding, and under an empty key', async () => {
    const { body } = await service.http.get('/.well-known/jwks.json').expect(200);
    const jwk = (body as { keys: object[] }).keys[0]!;
    const publicKey = createPublicKey({ key: jwk as never, format: 'jwk' });
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      publicKey.export({ type: 'pkcs1', format: 'pem' }),
      JSON.stringify(jwk),
      '',
    ];
    for (const secret of secrets) {
      const input = `${encodePart({ ...forger.header, alg: 'HS256' })}.${cut()[1]}`;
      await expectRefused(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
    }
  });

  test('401: another algorithm under the same kid', async () => {
    for (const [alg, hash] of [
      ['RS384', 'sha384'],
      ['RS512', 'sha512'],
    ] as const) {
      await expectRefused(signParts({ ...forger.header, alg }, forger.claims, forger.privateKey, hash));
    }
    const input = `${encodePart({ ...forger.header, alg: 'PS256' })}.${encodePart(forger.claims)}`;
    const pss = sign('sha256', Buffer.from(input), {
      key: forger.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
    });
    await expectRefused(`${input}.${pss.toString('base64url')}`);
    const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await expectRefused(signParts({ ...forger.header, alg: 'ES256' }, forger.claims, elliptic.privateKey));
  });
});

describe('A4 to A7: header', () => {
  const kids = [
    undefined,
    'unknown',
    '',
    7,
    ['x'],
    {},
    null,
    'x'.repeat(10_000),
    '../../dev/null',
    "' OR 1=1--",
    '__proto__',
    'constructor',
    'a\0b',
  ];
  test.each(kids.map((kid) => [show(kid), kid]))('401: kid %s', (_, kid) => expectRefused(forger.withHeader({ kid })));

  test('401: an attacker’s key in the header is neither used nor fetched', async () => {
    const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
    let fetched = 0;
    const listener = createServer((_request, response) => {
      fetched += 1;
      response.end('{"keys":[]}');
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/keys`;
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    for (const extra of [{ jwk }, { jku: url }, { x5u: url }, { x5c: ['MIIB'] }, { x5t: 'abc' }]) {
      await expectRefused(signParts({ ...forger.header, ...extra }, forger.claims, attacker.privateKey));
      await expectRefused(signParts({ ...forger.header, ...extra }, forger.claims, forger.privateKey));
    }
    await new Promise<void>((resolve) => listener.close(() => resolve()));
    expect(fetched).toBe(0);
  });

  test.each([
    { crit: ['exp'] },
    { crit: ['zz'] },
    { crit: [] },
    { crit: 'x' },
    { b64: false },
    { zip: 'DEF' },
    { cty: 'JWT' },
  ])('401: the extension %j', (extra) => expectRefused(forger.withHeader(extra)));

  test.each([undefined, 'JWT', 'rt+jwt', ['at+jwt'], 'at+jwt ', 'x/at+jwt', ''])('401: typ %j', (typ) =>
    expectRefused(forger.withHeader({ typ })),
  );
  test.each(['AT+JWT', 'application/at+jwt'])(
    '200: typ %s is the same media type (RFC 7515 section 4.1.9)',
    async (typ) => {
      await service.session(forger.withHeader({ typ })).expect(200);
    },
  );
});

describe('A8 to A13: claims', () => {
  const now = Math.floor(Date.UTC(2026, 0, 1) / 1_000);
  const long = Array.from({ length: 150 }, () => 'mlapi');
  const table: Record<string, unknown[]> = {
    iss: ['other', 'mlapi/', 'MLAPI', ['mlapi'], undefined, null],
    aud: [undefined, 'other', 'mlap', 'mlapi2', ['mlapi'], ['mlapi', 'x'], [], long, 'mlapi/auth/refresh'],
    exp: [undefined, null, `${now + 60}`, -1, now + 60.5, 2 ** 53, (now + 60) * 1_000, now, now - 1, now + 901],
    iat: [undefined, null, `${now}`, now + 6, now + 3_600, -1, now + 0.5],
    nbf: [now + 60, now - 60, 'x'],
    sub: [
      undefined,
      '',
      'x'.repeat(3_000),
      'a\0b',
      '\u202eabc',
      'a\u200b',
      'client-1 ',
      'CLIENT-1',
      'e\u0301',
      7,
      ['client-1'],
    ],
    client_id: [undefined, 'other', 7],
    scope: [undefined, ['models:read'], 'models:read\tadmin', 'models:read  models:predict', ' models:read', 7, null],
    jti: [undefined, '', 7, 'x'.repeat(65)],
    fid: [undefined, '', 'unknown', 7, '__proto__'],
  };
  const cases = Object.entries(table).flatMap(([name, values]) =>
    values.map((value) => [name, show(value), value] as const),
  );
  test.each(cases)('401: %s is %s', (name, _, value) => expectRefused(forger.withClaims({ [name]: value })));

  test('401: exp is 1e999', () =>
    expectRefused(
      signParts(
        forger.header,
        JSON.stringify({ ...forger.claims, exp: 0 }).replace('"exp":0', '"exp":1e999'),
        forger.privateKey,
      ),
    ));

  test('401: a lone surrogate in a claim', () =>
    expectRefused(
      signParts(
        forger.header,
        JSON.stringify(forger.claims).replace('"iss"', '"x":"\\ud800","iss"'),
        forger.privateKey,
      ),
    ));

  test('401: a refresh token at a guarded route, and an access token at /auth/refresh', async () => {
    const { tokens } = await service.newClient();
    await expectRefused(tokens.refresh_token);
    await service.refresh(tokens.access_token).expect(401);
    await service.session(tokens.access_token).expect(200);
  });

  test('401: a client’s token with another client’s sub', async () => {
    const other = await service.newClient();
    await expectRefused(forger.withClaims({ sub: other.name, client_id: other.name }));
  });
});

describe('A25 to A27: many, foreign, and the JWKS', () => {
  test('200: one token on 1,000 parallel requests', async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => service.session(forger.tokens.access_token)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  test('401: a token of another installation', async () => {
    const other = await startService({}, { dataDir: temporaryFolder() });
    const { tokens } = await other.newClient();
    await expectRefused(tokens.access_token);
    await other.close();
  });

  test('200: the JWKS has public members only, is cacheable, and supports HEAD and If-None-Match', async () => {
    const { body, headers } = await service.http
      .get('/.well-known/jwks.json')
      .expect(200)
      .expect('content-type', 'application/jwk-set+json');
    expect(body.keys.length).toBeGreaterThan(0);
    for (const key of body.keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
      expect(key).toMatchObject({ kty: 'RSA', use: 'sig', alg: 'RS256' });
    }
    expect(headers['cache-control']).toBe('public, max-age=300');
    await service.http
      .get('/.well-known/jwks.json')
      .set('If-None-Match', headers.etag ?? '')
      .expect(304);
    await service.http.head('/.well-known/jwks.json').expect(200);
    await service.http.post('/.well-known/jwks.json').expect(405).expect('allow', 'GET, HEAD, OPTIONS');
  });

  test('an access token has the claims of RFC 9068 and verifies with the JWKS', () => {
    const { header, claims } = decodeToken(forger.tokens.access_token);
    expect(header).toEqual({ alg: 'RS256', typ: 'at+jwt', kid: forger.kid });
    expect(Object.keys(claims).sort()).toEqual(['aud', 'client_id', 'exp', 'fid', 'iat', 'iss', 'jti', 'scope', 'sub']);
  });
});

test('200: after all of this, the valid token still works', async () => {
  await service.session(forger.tokens.access_token).expect(200);
});
