import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf, RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
let rows: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient()).tokens.access_token;
  const { body } = await service.http.get('/api/ml').auth(token, { type: 'bearer' }).expect(200);
  rows = JSON.stringify([(body as { sample: object }).sample]);
});
afterAll(() => service.close());

const live = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';
const predict = (headers = `Content-Length: ${rows.length}`, body = rows) =>
  `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n${body}`;

const connections = () =>
  new Promise<number>((resolve, reject) => {
    service.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

/** Resolves when the server has closed every connection. */
async function untilIdle(): Promise<void> {
  while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('pipelined requests', () => {
  test('200: 1,000 requests are answered in order, although the first is slow', async () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `request-${at}`);
    const quick = (id: string) => live.replace('\r\n\r\n', `\r\nX-Request-Id: ${id}\r\n\r\n`);
    const slow = predict(`Content-Length: ${rows.length}\r\nX-Request-Id: ${ids[0]}`);

    const { answers } = await exchange(service.port, slow + ids.slice(1).map(quick).join(''), {
      answers: 1_000,
    });

    expect(answers.map(({ headers }) => headers['x-request-id'])).toEqual(ids);
    expect(answers[0]?.body).toContain('predictions');
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  test.each<[string, () => string, number]>([
    ['400: garbage', () => 'garbage\r\n\r\n', 400],
    ['400: a broken chunk', () => predict('Transfer-Encoding: chunked', 'zz\r\n'), 400],
    ['405: a CONNECT', () => 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['431: 2,000 headers', () => live.replace('\r\n\r\n', `\r\n${'a:b\r\n'.repeat(2_000)}\r\n`), 431],
    ['431: a header of 20 kB', () => live.replace('\r\n\r\n', `\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`), 431],
  ])('%s is answered after the requests before it', async (_name, hostile, status) => {
    const { answers, rest } = await exchange(service.port, predict() + live + hostile() + live);

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, status]);
    expect(answers.flatMap(faultsOf)).toEqual([]);
    expect(rest).toBe('');
  });

  test('a body that breaks after its request was answered gets no second response', async () => {
    const connection = new RawConnection(service.port);
    connection.send(live.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'));
    await connection.until(1);

    const { answers, rest } = await connection.send('zz\r\n').untilClosed();

    expect(answers.map(({ status }) => status)).toEqual([200]);
    expect(rest).toBe('');
  });

  test('200: over the limit of requests per connection, the connection is closed', async () => {
    const { maxRequestsPerSocket } = service.server;
    service.server.maxRequestsPerSocket = 3;
    const { answers } = await exchange(service.port, live.repeat(5)).finally(() => {
      service.server.maxRequestsPerSocket = maxRequestsPerSocket;
    });

    expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([
      [200, 'keep-alive'],
      [200, 'keep-alive'],
      [200, 'close'],
    ]);
  });
});

describe('a client that disconnects', () => {
  test.each<[string, () => string]>([
    ['in the middle of a header', () => 'GET /api/liveness HTTP/1.1\r\nHo'],
    ['before its body', () => predict(undefined, '')],
    ['in the middle of its body', () => predict(undefined, rows.slice(0, 40))],
    ['in the middle of a chunk', () => predict('Transfer-Encoding: chunked', 'ff\r\n[[')],
    ['before its answer', () => predict()],
  ])('%s leaves no connection behind, and others are served', async (_name, bytes) => {
    for (let round = 0; round < 20; round += 1) {
      const connection = new RawConnection(service.port);
      await once(connection.socket, 'connect');
      await new Promise<void>((resolve) => connection.socket.write(bytes(), () => resolve()));
      connection.socket.resetAndDestroy();
    }

    await untilIdle();
    await service.http.post('/api/ml').auth(token, { type: 'bearer' }).type('json').send(rows).expect(200);
  });
});

describe('a slow client', () => {
  let slow: TestService;
  beforeAll(async () => {
    slow = await startService();
    // The limits as shipped, scaled down: the server checks the connections once a second.
    slow.server.headersTimeout = 300;
    slow.server.requestTimeout = 600;
    slow.server.timeout = 500;
    slow.server.keepAliveTimeout = 200;
  });
  afterAll(() => slow.close());

  test.each([
    ['a header that does not end', 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nX: '],
    [
      'a body that does not end',
      'POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ],
  ])('408: %s, one byte at a time, while others are served at once', async (_name, start) => {
    const connection = new RawConnection(slow.port).send(start);
    const drip = setInterval(() => connection.send('a'), 50);

    const closed = connection.untilClosed().finally(() => clearInterval(drip));
    const startedAt = performance.now();
    await slow.http.get('/api/liveness').expect(200);
    expect(performance.now() - startedAt).toBeLessThan(100);

    const { answers } = await closed;
    expect(answers.map(({ status }) => status)).toEqual([408]);
    expect(answers.flatMap(faultsOf)).toEqual([]);
  });

  test('an idle connection is closed after its last answer', async () => {
    const { answers } = await exchange(slow.port, live);

    expect(answers.map(({ status }) => status)).toEqual([200]);
  });

  test('a client that does not read its responses is disconnected', async () => {
    const connection = new RawConnection(slow.port);
    const closedBefore = once(slow.server, 'connection').then(([socket]) => once(socket as never, 'close'));
    connection.socket.pause();
    connection.send('GET /api/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(400));

    await closedBefore;
    connection.close();
  });
});
