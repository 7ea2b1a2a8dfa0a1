import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import { listenerOf } from '../../support/listener.ts';
import { exchange, faultsOf, RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';
import { startWatched, type WatchedService } from '../../support/watched.ts';

const lines = readFileSync('test/fixtures/nsl-kdd/rows.csv', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split(',').slice(0, -2).join(','));
const [header = '', ...rows] = lines;
const many = 10_000;
const table = `${header}\n${Array.from({ length: many }, (_, row) => rows[row % rows.length]!).join('\n')}\n`;
const live = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (token: string, length: number, more = '') =>
  `POST /api/ml?scores=true HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: text/csv\r\n${more}Content-Length: ${length}\r\n\r\n`;

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !holds(); tries += 1) await delay(10);
  expect(holds()).toBe(true);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory of this process after a garbage collection: heap and buffers. */
function heldMiB(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1_048_576;
}

describe('CSV, measured in the process', () => {
  let service: TestService;
  let token: string;
  const sockets: Socket[] = [];
  const responses: ServerResponse[] = [];
  const connections: RawConnection[] = [];
  const open = (...parts: (string | Buffer)[]) => {
    const connection = new RawConnection(service.port);
    connections.push(connection);
    for (const part of parts) connection.send(part);
    return connection;
  };
  beforeAll(async () => {
    service = await startService({ MLAPI_BODY_LIMIT_BYTES: '8388608' });
    token = (await service.newClient()).tokens.access_token;
    service.server.on('connection', (socket) => sockets.push(socket));
    service.server.on('request', (_request, response) => responses.push(response));
  });
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
    responses.splice(0);
    sockets.splice(0);
  });
  afterAll(() => service.close());

  test('C67, F100: 20 endless bodies hold their rows, but not their text', async () => {
    const long = rows[0]!.split(',').map((cell) => (/^\d+\.\d+$/.test(cell) ? `${cell}${'0'.repeat(200)}` : cell));
    const text = Buffer.from(`${header}\n${`${long.join(',')}\n`.repeat(1_000)}`);
    expect(text.length).toBeGreaterThan(3_000_000);
    const before = heldMiB();

    for (let count = 0; count < 20; count += 1) open(post(token, text.length + 1), text);
    await until(() => sockets.length === 20 && sockets.every(({ bytesRead }) => bytesRead > text.length));

    // A matrix of 1,024 rows takes 164 KiB, the text more than 3 MB.
    expect(heldMiB() - before).toBeLessThan(20);
    expect(responses.map(({ headersSent }) => headersSent)).toEqual(Array(20).fill(false));
  });

  test('C67: a response that nobody reads is not generated', async () => {
    // A Unix socket, because the kernel would buffer a whole response over TCP.
    const path = join(service.dataDir, 'socket');
    const server = createHttpServer(listenerOf(service.services), service.services);
    server.on('request', (_request, response) => responses.push(response));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const reader = new RawConnection(path);
    reader.socket.pause();

    try {
      reader.send(post(token, table.length, 'Accept: text/csv\r\n') + table);
      await until(() => responses[0]?.writableNeedDrain === true && (responses[0].socket?.writableLength ?? 0) > 0);
      // Enough event loop turns to write all of it.
      for (let turns = 0; turns < 500; turns += 1) await new Promise(setImmediate);
      expect(responses[0]!.socket!.writableLength).toBeLessThan(100_000);
      expect(responses[0]!.writableEnded).toBe(false);

      reader.socket.resume();
      const { answers } = await reader.until(1, { timeoutMs: 30_000 });
      expect(answers[0]!.body.split('\r\n')).toHaveLength(many + 2);
      expect(answers.flatMap(faultsOf)).toEqual([]);
    } finally {
      reader.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('C57, then 200: the rest of a refused table is discarded, and the next request is served', async () => {
    const wrong = `${header}\n${'"x"y\n'.repeat(100_000)}`;

    const { answers } = await exchange(service.port, post(token, wrong.length) + wrong + live, { answers: 2 });

    expect(answers.map(({ status }) => status)).toEqual([400, 200]);
  });

  test('F100: a line of 100 MB is refused after less than a hundredth of it', async () => {
    const request = post(token, 0).replace(/Content-Length.*\r\n/, 'Transfer-Encoding: chunked\r\n');
    const chunk = `10000\r\n${'1'.repeat(65_536)}\r\n`;

    const { answers } = await exchange(service.port, `${request}${chunk.repeat(16)}`, { answers: 1 });

    expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([[413, 'close']]);
    expect(JSON.parse(answers[0]!.body)).toMatchObject({ code: 'row_too_large' });
  });

  test('200: one byte at a time', async () => {
    const text = `${header}\n${rows[0]}`;
    const bytes = text.replace(/./gs, (one) => `1\r\n${one}\r\n`);
    const request = post(token, 0).replace(/Content-Length.*\r\n/, 'Transfer-Encoding: chunked\r\n');

    const { answers } = await exchange(service.port, `${request}${bytes}0\r\n\r\n`, { answers: 1 });

    expect(JSON.parse(answers[0]!.body)).toMatchObject({ predictions: ['normal'] });
  });

  test.each([
    ['trailers', `0\r\nX-Row: 1\r\n\r\n`],
    ['a body that is cut off', undefined],
  ])('400: %s', async (_, end) => {
    const request = post(token, 0).replace(/Content-Length.*\r\n/, 'Transfer-Encoding: chunked\r\n');
    const text = `${header}\n${rows[0]}\n`;
    const connection = open(`${request}${text.length.toString(16)}\r\n${text}\r\n${end ?? ''}`);
    if (end === undefined) {
      await until(() => responses.length === 1);
      connection.close();
      await until(() => responses[0]!.destroyed);
      return;
    }

    const { answers } = await connection.until(1);

    expect(answers.map(({ status }) => status)).toEqual([400]);
  });
});

test('503: unfinished tables over one client’s quota, 32 of the largest bodies; others are served, and so is it afterwards', async () => {
  const service = await startService({ MLAPI_BODY_LIMIT_BYTES: '8192' });
  try {
    const [token, other] = [
      (await service.newClient()).tokens.access_token,
      (await service.newClient()).tokens.access_token,
    ];
    const text = `${header}\n${rows[0]}\n`;
    const status = async (bearer: string) =>
      (await exchange(service.port, post(bearer, text.length) + text, { answers: 1 })).answers[0]?.status;
    const open = Array.from({ length: 40 }, () =>
      new RawConnection(service.port).send(post(token, text.length + 1) + text),
    );

    const refused = await Promise.race(open.map((connection) => connection.until(1)));

    expect(refused.answers.map((answer) => [answer.status, answer.headers['retry-after']])).toEqual([[503, '1']]);
    expect(await status(other)).toBe(200);
    for (const connection of open) connection.close();
    for (let tries = 0; tries < 200 && (await status(token)) === 503; tries += 1);
    expect(await status(token)).toBe(200);
  } finally {
    await service.close();
  }
});

describe('CSV, measured from outside', () => {
  let watched: WatchedService;
  beforeAll(async () => {
    // A busy machine may exceed the default time limit, which other tests cover.
    watched = await startWatched({ MLAPI_BODY_LIMIT_BYTES: '8388608', MLAPI_PREDICT_TIMEOUT_MS: '60000' });
  });
  afterAll(() => watched.close());

  test('G118: 20 clients with 10,000 rows each are served, nothing is blocked, and the memory is released', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => watched.inside.newClient()));
    const ask = async (token: string) => {
      const bytes = post(token, table.length, 'Accept: text/csv\r\n') + table;
      const { answers } = await exchange(watched.port, bytes, { answers: 1, timeoutMs: 60_000 });
      return answers[0]!;
    };
    await ask(clients[0]!.tokens.access_token);
    const before = await watched.health();

    const asked = Promise.all(clients.map(({ tokens }) => ask(tokens.access_token)));
    const alive = await exchange(watched.port, live, { answers: 1, timeoutMs: 60_000 });
    const answers = await asked;

    expect(alive.answers.map(({ status }) => status)).toEqual([200]);
    expect(answers.map(({ status, body }) => [status, body.split('\r\n').length])).toEqual(
      Array(20).fill([200, many + 2]),
    );
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    let after = await watched.health();
    expect(after.longestDelayMs).toBeLessThan(300);
    // Some of it is released a moment later.
    const isBack = () => after.heldMiB - before.heldMiB < 20;
    for (let tries = 0; tries < 200 && !isBack(); tries += 1) {
      await delay(50);
      after = await watched.health();
    }
    expect(after.heldMiB - before.heldMiB).toBeLessThan(20);
  }, 120_000);
});
