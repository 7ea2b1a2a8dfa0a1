import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, RawConnection } from '../../support/raw-http.ts';
import type { Tokens } from '../../support/service.ts';
import { startWatched, type Health, type WatchedService } from '../../support/watched.ts';

let watched: WatchedService;
let tokens: Tokens;
let baseline: Health;
beforeAll(async () => {
  watched = await startWatched();
  tokens = (await watched.inside.newClient()).tokens;
  await flood(64);
  baseline = await watched.health();
});
afterAll(() => watched.close());

const live = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';
const bearer = (token: string) => `Authorization: Bearer ${token}\r\n`;
const post = (path: string, body: string, headers = '', length = body.length) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** Expects liveness within 100 ms on a new connection, in the fastest of three tries, since the machine has other work. */
async function expectLiveness(): Promise<void> {
  const waits: number[] = [];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const startedAt = performance.now();
    const { answers } = await exchange(watched.port, live, { answers: 1 });
    waits.push(performance.now() - startedAt);
    expect(answers.map(({ status }) => status)).toEqual([200]);
  }
  expect(Math.min(...waits)).toBeLessThan(100);
}

/** I4: open files and memory return to the baseline; some memory is released a moment later. */
async function expectBaseline(): Promise<void> {
  let health = await watched.health();
  const isBack = () => health.descriptors <= baseline.descriptors && health.heldMiB - baseline.heldMiB < 20;
  for (let tries = 0; tries < 200 && !isBack(); tries += 1) {
    await delay(50);
    health = await watched.health();
  }
  expect(health.pid).toBe(baseline.pid);
  expect(health.descriptors).toBeLessThanOrEqual(baseline.descriptors);
  expect(health.heldMiB - baseline.heldMiB).toBeLessThan(20);
}

async function open(count: number, bytes: string): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(watched.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(bytes);
      return socket;
    }),
  );
}

function flood(count: number): Promise<number[]> {
  const body = JSON.stringify({ username: 'nobody', password: 'wrong' });
  const one = () => exchange(watched.port, post('/auth/reset', body), { answers: 1, timeoutMs: 30_000 });
  return Promise.all(Array.from({ length: count }, async () => (await one()).answers[0]?.status ?? 0));
}

describe('exhaustion', () => {
  test('B32: 500 passwords at once: 401 or 503, bounded memory, and liveness meanwhile', async () => {
    const answered = flood(500);
    await expectLiveness();
    const statuses = await answered;
    expect(statuses.filter((status) => status !== 401 && status !== 503)).toEqual([]);
    expect(statuses).toContain(401);
    await expectBaseline();
  });

  test('C67: 1,500 idle connections stay open, and others are served', async () => {
    const sockets = await open(1_500, live);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    await expectLiveness();
    for (const socket of sockets) socket.destroy();
    await expectBaseline();
  });

  test('C67: during 500 endless headers and 500 endless bodies, others are served', async () => {
    const headers = await open(500, `GET /api/liveness HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(15_000)}`);
    const bodies = await open(500, post('/auth/reset', '{', '', 16_384));
    await expectLiveness();
    for (const socket of [...headers, ...bodies]) socket.destroy();
    await expectBaseline();
  });

  test('C69: 100 clients that request 200 responses each and read none: others are served, and the memory is released', async () => {
    const asking = `GET /api/ml HTTP/1.1\r\nHost: a\r\n${bearer(tokens.access_token)}\r\n`.repeat(200);
    const sockets = await open(100, asking);
    for (const socket of sockets) socket.pause();
    await expectLiveness();
    for (const socket of sockets) socket.destroy();
    await expectBaseline();
  });

  test('C57: 100 unfinished bodies of nearly 1 MiB: the client is refused over its quota', async () => {
    const body = ' '.repeat(1_000_000);
    const sockets = Array.from({ length: 100 }, () =>
      new RawConnection(watched.port).send(post('/api/ml', body, bearer(tokens.access_token), 1_048_576)),
    );
    const { answers } = await Promise.race(sockets.map((socket) => socket.until(1, { timeoutMs: 30_000 })));
    expect(answers.map(({ status }) => status)).toEqual([503]);
    await expectLiveness();
    for (const socket of sockets) socket.close();
    await expectBaseline();
    const { status } = await watched.inside.http.get('/api/ml').auth(tokens.access_token, { type: 'bearer' });
    expect(status).toBe(200);
  });

  test('out of descriptors: open connections are served, tokens rotate, and new connections are accepted again later', async () => {
    const limit = baseline.descriptors + 60;
    const { pid } = baseline;
    expect(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]).status).toBe(0);
    const first = new RawConnection(watched.port).send(live);
    expect((await first.until(1)).answers.map(({ status }) => status)).toEqual([200]);
    const others = await open(200, live);
    const { answers } = await first
      .send(`POST /auth/refresh HTTP/1.1\r\nHost: a\r\n${bearer(tokens.refresh_token)}\r\n`)
      .until(2);
    expect(answers[1]?.status).toBe(200);
    tokens = JSON.parse(answers[1]?.body ?? '') as Tokens;
    for (const socket of others) socket.destroy();
    first.close();
    await expectBaseline();
    await expectLiveness();
    const session = `GET /auth/session HTTP/1.1\r\nHost: a\r\n${bearer(tokens.access_token)}\r\n`;
    expect((await exchange(watched.port, session, { answers: 1 })).answers[0]?.status).toBe(200);
  });

  test('after all of this: the same process, and no output on standard error', () => {
    expect(watched.process.child.exitCode).toBeNull();
    expect(watched.process.stderr).toBe('');
  });
});
