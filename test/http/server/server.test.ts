import { EventEmitter, once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import winston from 'winston';
import { createApplication } from '../../../application.ts';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import { Logger } from '../../../mlapi/telemetry/logger.ts';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

interface Line {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

let service: TestService;
let logged: Server;
const lines: Line[] = [];
const log = new EventEmitter();
beforeAll(async () => {
  service = await startService();
  const stream = new Writable({
    write: (text: Buffer, _encoding, done) => {
      lines.push(JSON.parse(text.toString()) as Line);
      log.emit('line');
      done();
    },
  });
  const transports = [new winston.transports.Stream({ stream })];
  const logger = new Logger(winston.createLogger({ format: winston.format.json(), transports }));
  const { services } = service;
  logged = createHttpServer(createApplication({ ...services, logger }), { ...services, logger });
  await new Promise<void>((resolve) => logged.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  logged.close();
  await service.close();
});

describe('the server', () => {
  test('enforces its limits on time, headers and requests', () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxHeadersCount, maxRequestsPerSocket } =
      service.server;

    expect({
      headersTimeout,
      requestTimeout,
      keepAliveTimeout,
      timeout,
      maxHeadersCount,
      maxRequestsPerSocket,
    }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      timeout: 60_000,
      maxHeadersCount: 101,
      maxRequestsPerSocket: 10_000,
    });
  });
});

describe('the log', () => {
  const live = 'GET /api/liveness?token=abc HTTP/1.1\r\nHost: a\r\n';
  const jwt = `${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`;

  test.each([
    ['an answer', `${live.replace('?token=abc', '')}\r\n`, 200, 'ok'],
    ['a refusal', `${live}Authorization: Bearer ${jwt}\r\n\r\n`, 400, 'invalid_query'],
    [
      'a refused token',
      `GET /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${jwt}\r\n\r\n`,
      401,
      'invalid_token',
    ],
    ['a missing Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
    ['garbage', 'garbage\r\n\r\n', 400, 'malformed_http'],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'malformed_http'],
    [
      'a broken body',
      `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
      'malformed_http',
    ],
  ])(
    '%s is logged as one line of JSON with id, status and code, and no secret',
    async (_name, request, status, code) => {
      lines.length = 0;
      const { port } = logged.address() as AddressInfo;

      const { answers } = await exchange(port, request, { answers: 1 });
      await exchange(port, `GET /api HTTP/1.0\r\nX-Request-Id: the-last-one\r\n\r\n`);
      while (lines.at(-1)?.fields.request_id !== 'the-last-one') await once(log, 'line');

      expect(answers[0]?.status).toBe(status);
      expect(lines.slice(0, -1)).toMatchObject([
        { message: 'request', fields: { request_id: answers[0]?.headers['x-request-id'], status, code } },
      ]);
      expect(JSON.stringify(lines)).not.toMatch(/Bearer|token=abc|aaaaaaaaaa/);
    },
  );
});
