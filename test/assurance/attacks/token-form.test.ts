import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encodePart, expectTokenRefused, signParts, startForger } from '../../support/forge.ts';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

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

describe('A14 to A19: form', () => {
  test('401: any bit of the signature changed, signatures shortened or extended', async () => {
    const [header, payload, signature = ''] = forger.tokens.access_token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await service.session(`${header}.${payload}.${changed.toString('base64url')}`).expect(401);
    }
    for (const cut of [1, 2, 3, 4, 100, signature.length - 1])
      await expectRefused(`${header}.${payload}.${signature.slice(0, -cut)}`);
    for (const more of ['A', 'AA', 'AAAA']) await expectRefused(`${header}.${payload}.${signature}${more}`);
  });

  test('401: another encoding of the same signature, even for a revoked token', async () => {
    const { tokens } = await service.newClient();
    const [header, payload, signature = ''] = tokens.access_token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = Array.from(alphabet)
      .map((letter) => signature.slice(0, -1) + letter)
      .filter((text) => text !== signature && Buffer.from(text, 'base64url').equals(bytes));
    expect(spellings.length).toBeGreaterThan(0);
    for (const spelling of spellings) await expectRefused(`${header}.${payload}.${spelling}`);
    await service.http.post('/auth/revoke').type('form').send({ token: tokens.access_token }).expect(200);
    for (const spelling of [...spellings, signature]) await expectRefused(`${header}.${payload}.${spelling}`);
  });

  test('401: padding, the other base64 alphabet, white space', async () => {
    const token = forger.tokens.access_token;
    for (const bad of [
      `${token}=`,
      `${token}==`,
      token.replace('.', '=.'),
      `${token.slice(0, -9)}+/${token.slice(-7)}`,
      `${token}*`,
      token.replace('.', '. '),
    ]) {
      await expectRefused(bad);
    }
  });

  test('401: non-ASCII letters, in any encoding', async () => {
    const token = forger.tokens.access_token;
    for (const bad of [`${token}\xe4`, `${token}\xc3\xa4`, `\xef\xbb\xbf${token}`, token.replace('.', '\xad.')]) {
      const request = `GET /auth/session HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${bad}\r\n\r\n`;
      const { answers } = await exchange(service.port, request, { answers: 1 });
      expect(answers.map(({ status }) => status)).toEqual([401]);
    }
  });

  test('401: duplicate names in header or payload', async () => {
    const claims = JSON.stringify(forger.claims);
    const header = JSON.stringify(forger.header);
    for (const name of ['sub', 'scope', 'exp']) {
      await expectRefused(
        signParts(
          header,
          claims.replace('{', `{${JSON.stringify(name)}:${JSON.stringify(forger.claims[name])},`),
          forger.privateKey,
        ),
      );
    }
    await expectRefused(signParts(header.replace('{', '{"alg":"RS256",'), claims, forger.privateKey));
  });

  const payloads: [string, string | Buffer][] = [
    ['a list', '[]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['a number', '7'],
    ['deep', '['.repeat(700) + ']'.repeat(700)],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['with a byte order mark', '\ufeff{}'],
    ['with __proto__', '{"__proto__":{"scope":"models:read"}}'],
    ['empty', ''],
  ];
  test.each(payloads)('401: a validly signed payload that is %s', async (_, payload) => {
    await expectRefused(signParts(forger.header, payload, forger.privateKey));
    expect(({} as Record<string, unknown>).scope).toBeUndefined();
  });

  test('401: too long for the application; 431: too long for a header', async () => {
    await expectRefused(forger.withClaims({ pad: 'x'.repeat(4_096) }));
    for (const length of [4_097, 8_193, 15_000]) await expectRefused('x'.repeat(length));
    for (const length of [16_383, 20_000, 1_000_000]) {
      const request = `GET /auth/session HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${'x'.repeat(length)}\r\n\r\n`;
      const { answers } = await exchange(service.port, request);
      expect(answers.map(({ status }) => status)).toEqual([431]);
    }
  });

  test('401: valid signatures of our key over data that are not a token', async () => {
    for (const payload of [{}, { hello: 1 }, { sub: forger.clientName, scope: 'models:read' }]) {
      await expectRefused(signParts(forger.header, payload, forger.privateKey));
    }
  });

  test('401: encrypted tokens, without the work that they ask for', async () => {
    const kid = forger.kid;
    const nothing = 'A'.repeat(22);
    for (const header of [
      { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31 - 1, p2s: nothing, kid },
      { alg: 'RSA-OAEP', enc: 'A256GCM', zip: 'DEF', kid },
      { alg: 'dir', enc: 'A256GCM', typ: 'at+jwt', kid },
    ]) {
      await expectRefused(`${encodePart(header)}.${nothing}.${nothing}.${nothing}.${nothing}`);
      await expectRefused(`${encodePart(header)}.${encodePart(forger.claims)}.${nothing}`);
    }
  });

  test('401: other serializations and numbers of parts', async () => {
    const token = forger.tokens.access_token;
    const [protectedHeader, payload, signature] = token.split('.');
    const json = JSON.stringify({ payload, signatures: [{ protected: protectedHeader, signature }] });
    for (const bad of [
      'x',
      `${protectedHeader}.${payload}`,
      `${token}.x`,
      `${token}.x.y`,
      Buffer.from(json).toString('base64url'),
      '../..',
      '...',
    ]) {
      await expectRefused(bad);
    }
    const nested = signParts({ ...forger.header, cty: 'JWT' }, token, forger.privateKey);
    await expectRefused(nested);
  });
});

describe('A20, A21: scopes and the Authorization header', () => {
  test.each([
    ['none', ''],
    ['part of a name', 'models:pred'],
    ['a longer name', 'models:predictx'],
    ['other case', 'Models:predict'],
    ['another one, twice', 'models:read models:read'],
  ])('403 insufficient_scope: %s', async (_, scope) => {
    const { body, headers } = await service.http
      .post('/api/ml')
      .set('Authorization', `Bearer ${forger.withClaims({ scope })}`)
      .send([[1]])
      .expect(403);
    expect(body).toMatchObject({ code: 'insufficient_scope', status: 403 });
    expect(headers['www-authenticate']).toBe(
      'Bearer realm="mlapi", error="insufficient_scope", scope="models:predict"',
    );
  });

  test.each(['models:predict\0', 'models:predict ', 'models:predict\u00a0', '"models:predict"'])(
    '401: an invalid scope, %j',
    (scope) => expectRefused(forger.withClaims({ scope })),
  );

  test('200: the scheme in any case, with one or more spaces; 401: all other forms; tokens elsewhere are ignored', async () => {
    const token = forger.tokens.access_token;
    const ask = (value: string) => service.http.get('/auth/session').set('Authorization', value);
    for (const value of [`bearer ${token}`, `Bearer  ${token}`, `BEARER${' '.repeat(5_000)}${token}`])
      await ask(value).expect(200);
    for (const value of [
      `Bearer\u00a0${token}`,
      `Bearer\t${token}`,
      'Bearer',
      'Bearer ',
      `Basic ${token}`,
      token,
      `Bearer ${token} x`,
      `Bearer ${token},Bearer ${token}`,
    ]) {
      await ask(value).expect(401);
    }
    await service.http.get(`/auth/session?access_token=${token}`).expect(401);
    await service.http.get('/auth/session').set('Cookie', `access_token=${token}`).expect(401);
    await service.http.post('/api/ml').type('form').send({ access_token: token }).expect(401);
  });
});

test('200: after all of this, the valid token still works', async () => {
  await service.session(forger.tokens.access_token).expect(200);
});
