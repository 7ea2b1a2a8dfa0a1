import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';
import { chunked, chunks, doubtful, statusHere } from './corpus/http.ts';

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

describe('request framing is never ambiguous', () => {
  for (const [name, headers, body, status] of doubtful) {
    test(`${status}: ${name}: one response, then the connection closes, and nothing smuggled is served`, async () => {
      const { answers, rest } = await exchange(service.port, predict(headers, body) + smuggled);

      expect(answers.map((answer) => answer.status)).toEqual([statusHere(name, status)]);
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

  test('200, 200: the body of a GET is not parsed as the next request', async () => {
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

  test('400: chunks in HTTP/1.0', async () => {
    const request = `POST /auth/reset HTTP/1.0\r\nContent-Type: application/json\r\n${chunked}\r\n\r\n${chunks}`;

    const { answers } = await exchange(service.port, request + smuggled);

    expect(answers.map(({ status }) => status)).toEqual([400]);
  });
});
