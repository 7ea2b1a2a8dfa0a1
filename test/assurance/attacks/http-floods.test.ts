import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import { serve } from '../../support/child.ts';
import { exchange } from '../../support/raw-http.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

const live = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';

test('CONNECT, alone or after a request, and then a reset does not end the process', async () => {
  const { service: child, url } = await serve(temporaryFolder());
  const port = Number(new URL(url).port);
  const connectRequest = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';
  const body = '{"username":"a","password":"b"}';
  const slow = `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (let round = 0; round < 60; round += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(round % 2 === 0 ? connectRequest : slow + connectRequest);
    await new Promise((resolve) => setTimeout(resolve, round % 7));
    socket.resetAndDestroy();
  }
  expect((await fetch(`${url}/api/liveness`)).status).toBe(200);
  expect(await child.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(child.stderr).toBe('');
});

test('a body cut off after a request that is still being served, and then a reset, does not end the process', async () => {
  const { logger, lifecycle } = service.services;
  const served: string[] = [];
  const server = createHttpServer(
    ({ url = '' }, response) => {
      served.push(url);
      if (url === '/held') server.emit('held', response.socket);
      else response.end();
    },
    { logger, lifecycle },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const held = once(server, 'held') as Promise<[Socket]>;
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  client.write('GET /held HTTP/1.1\r\nHost: a\r\n\r\nPOST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[');
  const [socket] = await held;
  client.resetAndDestroy();
  await new Promise((resolve) => socket.on('close', resolve));

  const { answers } = await exchange(port, live, { answers: 1 });
  server.closeAllConnections();
  server.close();

  expect(answers.map(({ status }) => status)).toEqual([200]);
  expect(served).toEqual(['/held', '/api/liveness']);
});

test('pipelined requests of one connection are served one at a time', async () => {
  const { logger, lifecycle } = service.services;
  let [active, most] = [0, 0];
  const server = createHttpServer(
    (_request, response) => {
      active += 1;
      most = Math.max(most, active);
      setImmediate(() => {
        active -= 1;
        response.end();
      });
    },
    { logger, lifecycle },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { answers } = await exchange((server.address() as AddressInfo).port, live.repeat(1_000), { answers: 1_000 });
  expect([answers.length, most]).toEqual([1_000, 1]);
  server.closeAllConnections();
  server.close();
});

test('one waiting request of all pipelining connections is served per event loop turn, so new connections are accepted', async () => {
  const { logger, lifecycle } = service.services;
  let turn = 0;
  let isCounting = true;
  const count = () => {
    turn += 1;
    if (isCounting) setImmediate(count);
  };
  setImmediate(count);
  /** Event loop turns in which a request was served that was not the first of its connection. */
  const served: number[] = [];
  const known = new Set<unknown>();
  const server = createHttpServer(
    (request, response) => {
      if (known.has(request.socket)) served.push(turn);
      known.add(request.socket);
      response.end();
    },
    { logger, lifecycle },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await Promise.all(Array.from({ length: 20 }, () => exchange(port, live.repeat(50), { answers: 50 })));
  isCounting = false;
  expect(served).toHaveLength(20 * 49);
  expect(new Set(served).size).toBe(served.length);
  server.closeAllConnections();
  server.close();
});

test('more pipelined requests than may wait: the connection is closed, the service continues', async () => {
  const socket = connect(service.port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answered = 0;
  socket.on('data', (chunk: Buffer) => (answered += chunk.toString().split('HTTP/1.1 200').length - 1));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(live.repeat(20_000));
  await closed;
  expect(answered).toBeLessThan(20_000);
  await service.http.get('/api/liveness').expect(200);
});

test('a body in chunks of one byte takes little more memory than its bytes', async () => {
  const head = `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const socket = connect(service.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const before = process.memoryUsage().rss;
  socket.write(head);
  const chunks = '1\r\n \r\n'.repeat(10_000);
  for (let sent = 0; sent < 90; sent += 1) {
    if (!socket.write(chunks)) await once(socket, 'drain');
  }
  await new Promise<void>((resolve) => socket.write('1\r\n \r\n', () => resolve()));
  // Stored chunk by chunk, 900,000 of them took more than 400 MiB.
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
  socket.destroy();
  await service.http.get('/api/liveness').expect(200);
});

test('an upgrade is declined, and the response closes the connection', async () => {
  const upgrade = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  const { answers, isClosed } = await exchange(service.port, upgrade + live);
  expect(answers[0]).toMatchObject({ status: 200, headers: { connection: 'close' } });
  expect(isClosed).toBe(true);
});
