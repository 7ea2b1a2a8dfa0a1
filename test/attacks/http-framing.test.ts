import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf } from '../support/raw-http.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let predict: (headers: string, body: string) => string;
beforeAll(async () => {
  service = await startService();
  const { tokens } = await service.newClient();
  predict = (headers, body) =>
    `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokens.access_token}\r\n` +
    `Content-Type: application/json\r\n${headers}\r\n\r\n${body}`;
});
afterAll(() => service.close());

const smuggled = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';
const chunked = 'Transfer-Encoding: chunked';
const chunks = `7\r\n[[1,2]]\r\n0\r\n\r\n`;

/** Name, framing headers, body, status. */
const doubtful: [string, string, string, number][] = [
  ['a length and chunks', `Content-Length: 5\r\n${chunked}`, chunks, 400],
  ['chunks and a length', `${chunked}\r\nContent-Length: 5`, chunks, 400],
  ['two equal transfer codings', `${chunked}\r\n${chunked}`, chunks, 400],
  ['chunked before identity', `${chunked}, identity`, chunks, 400],
  ['chunked and an empty coding', `${chunked},`, chunks, 400],
  ['a coding behind a vertical tab', 'Transfer-Encoding: \x0bchunked', chunks, 400],
  ['a header name with a space behind it', 'Transfer-Encoding : chunked', chunks, 400],
  ['a folded transfer coding', 'Transfer-Encoding:\r\n chunked', chunks, 400],
  ['an unknown coding', 'Transfer-Encoding: xchunked', chunks, 501],
  ['identity as a coding', 'Transfer-Encoding: identity', chunks, 501],
  ['gzip before chunked', 'Transfer-Encoding: gzip, chunked', chunks, 501],
  ['a quoted coding', 'Transfer-Encoding: "chunked"', chunks, 501],
  ['an empty coding', 'Transfer-Encoding:', chunks, 501],
  ['a length with a sign', 'Content-Length: +5', '[[1]]', 400],
  ['a negative length', 'Content-Length: -5', '[[1]]', 400],
  ['a list of lengths', 'Content-Length: 5, 5', '[[1]]', 400],
  ['two equal lengths', 'Content-Length: 5\r\nContent-Length: 5', '[[1]]', 400],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 0', '[[1]]', 400],
  ['a hexadecimal length', 'Content-Length: 0x5', '[[1]]', 400],
  ['a length in two words', 'Content-Length: 5 5', '[[1]]', 400],
  ['an empty length', 'Content-Length:', '[[1]]', 400],
  ['a length over 64 bits', 'Content-Length: 99999999999999999999', '[[1]]', 400],
  ['a length over 53 bits', 'Content-Length: 9007199254740993', '[[1]]', 413],
  ['a chunk size over 64 bits', chunked, 'fffffffffffffffff\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a negative chunk size', chunked, '-1\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk size with 0x', chunked, '0x5\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk size with a space', chunked, '5 \r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk that is longer than its size', chunked, '5\r\n[[1]]XX0\r\n\r\n', 400],
  ['chunk lines that end in a bare line feed', chunked, '5\n[[1]]\n0\n\n', 400],
  ['a chunk extension of 1 MB', chunked, `5;${'a'.repeat(1_000_000)}\r\n[[1]]\r\n0\r\n\r\n`, 413],
  ['an authorization in the trailers', chunked, '5\r\n[[1]]\r\n0\r\nAuthorization: Bearer x\r\n\r\n', 400],
  ['3,000 trailers', chunked, `5\r\n[[1]]\r\n0\r\n${'a:b\r\n'.repeat(3_000)}\r\n`, 400],
  ['trailers of 20 kB', chunked, `5\r\n[[1]]\r\n0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
];

/** From Node 22 on, the parser refuses these by itself. */
const newerVerdicts: Readonly<Record<string, number>> = { 'an empty coding': 400, '3,000 trailers': 431 };
const isNewer = Number(process.versions.node.split('.')[0]) >= 22;

describe('the end of a request is never in doubt', () => {
  for (const [name, headers, body, status] of doubtful) {
    test(`${status}: ${name}: one answer, then the connection closes, and nothing smuggled is served`, async () => {
      const { answers, rest } = await exchange(service.port, predict(headers, body) + smuggled);

      expect(answers.map((answer) => answer.status)).toEqual([(isNewer ? newerVerdicts[name] : undefined) ?? status]);
      expect(rest).toBe('');
      expect(answers[0]?.headers.connection).toBe('close');
      expect(answers.flatMap(faultsOf)).toEqual([]);
      await service.http.get('/api/liveness').expect(200);
    });
  }

  test.each([
    ['chunked in capitals', 'Transfer-Encoding: CHUNKED', chunks],
    ['a chunk extension', chunked, '7;a=b\r\n[[1,2]]\r\n0\r\n\r\n'],
    ['a length with leading zeros', 'Content-Length: 0007', '[[1,2]]'],
  ])('400, then 200: %s is well framed, so the next request is served', async (_name, headers, body) => {
    const { answers, isClosed } = await exchange(service.port, predict(headers, body) + smuggled, {
      answers: 2,
    });

    expect(answers.map(({ status }) => status)).toEqual([400, 200]);
    expect(answers[0]?.body).toContain('/0');
    expect(isClosed).toBe(false);
  });

  test('200, 200: the body of a GET is not taken for the next request', async () => {
    const withBody = `GET /api/liveness HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`;

    const { answers, rest } = await exchange(
      service.port,
      `${withBody}GET /api/readiness HTTP/1.1\r\nHost: a\r\n\r\n`,
      {
        answers: 2,
      },
    );

    expect(answers.map(({ body }) => body)).toEqual(['{"status":"alive"}', '{"status":"ready"}']);
    expect(rest).toBe('');
  });

  test('400: HTTP/1.0 has no chunks', async () => {
    const request = `POST /auth/reset HTTP/1.0\r\nContent-Type: application/json\r\n${chunked}\r\n\r\n${chunks}`;

    const { answers } = await exchange(service.port, request + smuggled);

    expect(answers.map(({ status }) => status)).toEqual([400]);
  });
});
