import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe } from '@jest/globals';
import { createClient } from '@redis/client';
import type { RedisCounterStore } from '../../mlapi/http/limits/redis-counters.ts';
import { temporaryFolder } from './service.ts';

const isInstalled = spawnSync('redis-server', ['--version']).status === 0;
if (!isInstalled) console.warn('redis-server is not installed: nothing is tested on a real Redis.');

/** `describe` if a real Redis can be started; otherwise a skip with a warning. */
export const describeRedis = isInstalled ? describe : describe.skip;

interface RedisOptions {
  /** Certificate files, to serve only TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A real Redis with a password, on a free loopback port, without persistence. It never outlives the tests. */
export class TestRedis {
  readonly password = randomBytes(18).toString('base64url');
  readonly #folder = temporaryFolder();
  readonly #tls: RedisOptions['tls'];
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor({ tls }: RedisOptions) {
    this.#tls = tls;
  }

  static async start(options: RedisOptions = {}): Promise<TestRedis> {
    const redis = new TestRedis(options);
    // Another process may take the port before Redis does.
    for (let attempt = 1; ; attempt += 1) {
      redis.#port = await freePort();
      try {
        await redis.start();
        return redis;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  get url(): string {
    return `${this.#tls === undefined ? 'redis' : 'rediss'}://:${this.password}@localhost:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Restarts it on the same port, empty. */
  async start(): Promise<void> {
    const path = join(this.#folder, 'redis.conf');
    writeFileSync(path, this.#configuration(), { mode: 0o600 });
    const child = spawn('redis-server', [path], { stdio: 'ignore' });
    child.unref();
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    const ended = new Promise<'ended'>((resolve) =>
      child.once('close', () => {
        process.off('exit', kill);
        resolve('ended');
      }),
    );
    this.#process = child;
    for (;;) {
      if (await this.#answers()) return;
      if ((await Promise.race([ended, delay(20)])) === 'ended') throw new Error('redis-server does not start');
    }
  }

  /** Kills it with SIGKILL, unless another signal is given. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await closed;
  }

  /** Makes it hang: it accepts connections, and does not respond. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Sends one command, as an operator would. */
  async command(...words: string[]): Promise<unknown> {
    const client = createClient({
      url: this.url,
      RESP: 2,
      socket: { reconnectStrategy: false, ...(this.#tls !== undefined && { tls: true, rejectUnauthorized: false }) },
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  }

  async #answers(): Promise<boolean> {
    return this.command('PING').then(
      (answer) => answer === 'PONG',
      () => false,
    );
  }

  #configuration(): string {
    const port = this.#tls === undefined ? `port ${this.#port}` : `port 0\ntls-port ${this.#port}\ntls-auth-clients no`;
    const files = this.#tls && `tls-cert-file ${this.#tls.certificate}\ntls-key-file ${this.#tls.key}`;
    const lines = ['bind 127.0.0.1', port, files ?? '', `dir ${this.#folder}`, 'save ""', 'appendonly no'];
    return [...lines, `requirepass ${this.password}`, ''].join('\n');
  }
}

/** Resolves once counting in Redis works. */
export async function untilCounting(home: RedisCounterStore): Promise<void> {
  for (;;) {
    const refusal = await home.check().catch((error: unknown) => error);
    if (refusal === undefined) return;
    await delay(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
