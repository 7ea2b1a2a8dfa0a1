import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exchange, faultsOf, type RawResponse } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  // Does not wait for the endless requests that the fuzzer leaves behind.
  service.server.headersTimeout = 400;
  service.server.requestTimeout = 400;
  service.server.keepAliveTimeout = 50;
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

const fragments = [
  'GET ',
  'POST ',
  'HEAD ',
  '/api/ml',
  '/api/liveness',
  '/auth/reset',
  '/%2e%2e/',
  '?scores=true',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
  'Host: a\r\n',
  'Host:',
  'Content-Length: 7\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:',
  'Content-Type: application/json\r\n',
  'Content-Type: multipart/form-data; boundary=b\r\n',
  'Expect: 100-continue\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  'X-Request-Id: ',
  'Origin: null\r\n',
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\0',
  ':',
  '7\r\n[[1,2]]\r\n',
  '0\r\n\r\n',
  '[[1,2]]',
  '{"a":',
];

/** Opens connections in batches, so that their timeouts overlap. */
const batch = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 60, maxLength: 60 });

async function expectHarmless(requests: readonly (string | Buffer)[]): Promise<void> {
  const exchanges = await Promise.all(requests.map((bytes) => exchange(service.port, bytes)));

  const answers: RawResponse[] = exchanges.flatMap((done) => [...done.answers]);
  expect(answers.flatMap(faultsOf)).toEqual([]);
  await service.http.get('/api/models').auth(token, { type: 'bearer' }).expect(200);
}

describe('fuzzing the wire', () => {
  test('random bytes get a well-formed error or a closed connection, and the service continues', async () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => Buffer.from(array));

    await fc.assert(fc.asyncProperty(batch(bytes), expectHarmless), { numRuns: 3 });
  });

  test('random requests get a well-formed response or a closed connection, and the service continues', async () => {
    const request = fc
      .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...fragments) }, fc.string({ maxLength: 8 })), {
        minLength: 1,
        maxLength: 24,
      })
      .map((parts) => parts.join(''));

    await fc.assert(fc.asyncProperty(batch(request), expectHarmless), { numRuns: 3 });
  });

  test('a valid request with some bytes changed gets a well-formed response or a closed connection', async () => {
    const valid = Buffer.from(
      `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
        'Transfer-Encoding: chunked\r\n\r\n7\r\n[[1,2]]\r\n0\r\n\r\n',
    );
    const change = fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }));
    const changed = fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
      const copy = Buffer.from(valid);
      for (const [at, byte] of changes) copy[at] = byte;
      return copy;
    });

    await fc.assert(fc.asyncProperty(batch(changed), expectHarmless), { numRuns: 4 });
  });
});
