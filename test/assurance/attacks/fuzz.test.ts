import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodePart, signParts, startForger, type Forger } from '../../support/forge.ts';
import { faultsOf, RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let forger: Forger;
let row: Record<string, unknown>;
beforeAll(async () => {
  service = await startService();
  forger = await startForger(service);
  const { body } = await service.http.get('/api/ml').auth(forger.tokens.access_token, { type: 'bearer' }).expect(200);
  row = (body as { sample: Record<string, unknown> }).sample;
});
afterAll(() => service.close());

/** Sends requests on one connection, one after the other, and returns the statuses. */
async function statusesOf(requests: readonly Buffer[]): Promise<number[]> {
  const connection = new RawConnection(service.port);
  const statuses: number[] = [];
  for (const request of requests) {
    const { answers, isClosed } = await connection.send(request).until(statuses.length + 1);
    expect(isClosed).toBe(false);
    const answer = answers.at(-1)!;
    expect([request.toString('latin1').slice(0, 2_000), ...faultsOf(answer)]).toHaveLength(1);
    statuses.push(answer.status);
  }
  connection.close();
  return statuses;
}

const session = (token: string) =>
  Buffer.from(`GET /auth/session HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`, 'latin1');
const post = (path: string, type: string, body: string | Buffer) => {
  const bytes = Buffer.from(body);
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${forger.tokens.access_token}\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
};
const many = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 100, maxLength: 100 });
const anything = fc
  .anything({ maxDepth: 2, withBigInt: false })
  .map((value) => JSON.parse((JSON.stringify(value) as string | undefined) ?? 'null') as unknown);

describe('tokens: any change to a valid one makes it 401', () => {
  const hasGoodBytes = (token: string) => token === forger.tokens.access_token;

  test('characters changed, removed, inserted, swapped', async () => {
    const letter = fc.constantFrom(...Array.from('ABCabc019-_.=+/ ~"{}*%\u00e4\u00ff'));
    const change = fc.record({ kind: fc.constantFrom('set', 'cut', 'put', 'end'), at: fc.nat(), letter });
    const mutate = (token: string, { kind, at, letter: one }: { kind: string; at: number; letter: string }) => {
      const place = at % token.length;
      if (kind === 'end') return token.slice(0, place);
      return token.slice(0, place) + (kind === 'cut' ? '' : one) + token.slice(kind === 'put' ? place : place + 1);
    };
    const tokens = fc.array(change, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(many(tokens), async (lists) => {
        const mutated = lists
          .map((list) => list.reduce(mutate, forger.tokens.access_token))
          // Trailing white space is not part of the header's value.
          .filter((token) => !hasGoodBytes(token.trimEnd()));
        expect(new Set(await statusesOf(mutated.map(session)))).toEqual(new Set([401]));
      }),
      { numRuns: 6 },
    );
  });

  test('any claim and any header field set to any value, under a valid signature', async () => {
    const claim = fc.constantFrom('iss', 'aud', 'sub', 'client_id', 'iat', 'exp', 'jti', 'fid', 'scope', 'nbf');
    const member = fc.constantFrom('alg', 'typ', 'kid', 'crit', 'jwk', 'b64', 'zip', '__proto__');
    const part = fc.oneof(
      fc.tuple(fc.constant('claim' as const), claim, anything),
      fc.tuple(fc.constant('header' as const), member, anything),
    );
    await fc.assert(
      fc.asyncProperty(many(part), async (parts) => {
        const forged = parts.map(([kind, name, value]) => {
          const [header, claims] = [JSON.stringify(forger.header), JSON.stringify(forger.claims)];
          const put = (text: string) => {
            const rest = Object.entries(JSON.parse(text) as object).filter(([other]) => other !== name);
            return `{${[...rest, [name, value]].map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`).join()}}`;
          };
          return kind === 'claim'
            ? signParts(header, put(claims), forger.privateKey)
            : signParts(put(header), claims, forger.privateKey);
        });
        const statuses = await statusesOf(forged.map(session));
        const passed = parts.filter((_, index) => statuses[index] !== 401);
        // The correct value of a claim is valid; jti and scope have many.
        for (const [kind, name, value] of passed) {
          expect([kind, typeof value]).toEqual(['claim', 'string']);
          expect(['jti', 'scope']).toContain(name);
        }
        expect(statuses.every((status) => status === 401 || status === 200)).toBe(true);
      }),
      { numRuns: 4 },
    );
  });

  test('parts of any bytes under a valid signature, and parts of two valid tokens combined', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    const other = (await service.newClient()).tokens;
    const pieces = [forger.tokens.access_token, forger.tokens.refresh_token, other.access_token].flatMap((token) =>
      token.split('.'),
    );
    const good = new Set([forger.tokens.access_token, other.access_token]);
    const mixed = fc.array(fc.constantFrom(...pieces, '', 'e30'), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(many(bytes), many(mixed), async (payloads, mixes) => {
        const forged = [
          ...payloads.map((payload) => signParts(forger.header, payload, forger.privateKey)),
          ...payloads.map((header) => signParts(header, forger.claims, forger.privateKey)),
          ...payloads.map((tail) => `${encodePart(forger.header)}.${encodePart(forger.claims)}.${encodePart(tail)}`),
          ...mixes.map((parts) => parts.join('.')).filter((token) => !good.has(token)),
        ];
        expect(new Set(await statusesOf(forged.map(session)))).toEqual(new Set([401]));
      }),
      { numRuns: 1 },
    );
  });
});

describe('bodies: any content is refused or predicted', () => {
  test('POST /api/ml: JSON of any shape, rows with any cells, text that is nearly JSON', async () => {
    const cell = fc.oneof(fc.double(), fc.integer(), fc.string(), fc.boolean(), fc.constant(null), anything);
    const names = fc.constantFrom(...Object.keys(row), '__proto__', 'x', '');
    const rowOf = fc.oneof(
      fc.array(cell, { minLength: 40, maxLength: 42 }),
      fc.dictionary(names, cell),
      fc.tuple(names, cell).map(([name, value]) => ({ ...row, [name]: value })),
    );
    const body = fc.oneof(
      fc.json(),
      fc.array(rowOf, { maxLength: 3 }).map((rows) => JSON.stringify(rows)),
      rowOf.map((one) => JSON.stringify({ instances: one })),
      fc.tuple(fc.nat(), fc.string({ maxLength: 3 })).map(([at, text]) => {
        const whole = JSON.stringify([row]);
        return whole.slice(0, at % whole.length) + text + whole.slice((at + 1) % whole.length);
      }),
    );
    await fc.assert(
      fc.asyncProperty(many(body), async (bodies) => {
        const statuses = await statusesOf(bodies.map((text) => post('/api/ml?scores=true', 'application/json', text)));
        expect([...new Set(statuses)].filter((status) => status !== 200 && status !== 400)).toEqual([]);
      }),
      { numRuns: 4 },
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('POST /auth/reset: forms of any fields, in any of the three media types', async () => {
    const fragments = fc.constantFrom(
      ...[
        '--x',
        '--',
        '\r\n',
        '\r\n\r\n',
        '\n',
        'Content-Disposition: form-data',
        '; name="username"',
        ';',
        '"',
        '=',
        '&',
      ],
      ...[
        '; filename="a"',
        '; name="password"',
        "; name*=utf-8''username",
        'Content-Type: text/plain',
        '%',
        '%41',
        '+',
        'a',
      ],
      ...[
        '; charset=utf-16',
        'Content-Transfer-Encoding: base64',
        'username',
        'password',
        '{',
        '}',
        '"username":"a"',
        '\0',
      ],
    );
    const text = fc.array(fc.oneof({ weight: 5, arbitrary: fragments }, fc.string({ maxLength: 4 })), {
      maxLength: 30,
    });
    const type = fc.constantFrom(
      ...['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'],
      ...['multipart/form-data; boundary="x"', 'multipart/form-data; boundary=', 'multipart/form-data; boundary=-'],
    );
    await fc.assert(
      fc.asyncProperty(many(fc.tuple(type, text)), async (forms) => {
        const statuses = await statusesOf(forms.map(([kind, parts]) => post('/auth/reset', kind, parts.join(''))));
        expect([...new Set(statuses)].filter((status) => status !== 400 && status !== 401)).toEqual([]);
      }),
      { numRuns: 4 },
    );
  });

  test('POST /auth/refresh and /auth/revoke: no input causes a 5xx or ends a family', async () => {
    const value = fc.oneof(
      fc.string(),
      anything.map((one) => JSON.stringify(one)),
    );
    const name = fc.constantFrom('scope', 'token', 'token_type_hint', 'grant_type', 'refresh_token', 'refresh_token[]');
    const path = fc.constantFrom('/auth/refresh', '/auth/revoke');
    const fields = fc.array(fc.tuple(name, value), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(many(fc.tuple(path, fields)), async (forms) => {
        const requests = forms.map(([target, pairs]) =>
          post(target, 'application/x-www-form-urlencoded', new URLSearchParams(pairs).toString()),
        );
        for (const status of await statusesOf(requests)) expect([200, 400, 401]).toContain(status);
      }),
      { numRuns: 4 },
    );
  });
});

test('200: after all of this, the valid token still works', async () => {
  await service.session(forger.tokens.access_token).expect(200);
});
