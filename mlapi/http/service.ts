import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createHttpServer } from './server.ts';

const drainLimitMs = 8_000;

interface ServiceOptions {
  readonly config: Pick<Config, 'host' | 'port' | 'socket'>;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** How long new requests are still served while readiness says no, so that a balancer can look away. */
  readonly drainNoticeMs: number;
}

/** What is served, and what ends with it. */
interface Served {
  readonly listener: RequestListener;
  close(): Promise<void>;
}

/**
 * The process as others see it: it listens from its first moment, serves one thing after another, and stops on a signal.
 * Then readiness says no, requests in flight finish, and it ends with 0; a second signal ends it at once.
 */
export class Service {
  readonly server: Server;
  readonly #options: ServiceOptions;
  #served: Served;
  #isStopping = false;

  private constructor(served: Served, options: ServiceOptions) {
    this.#options = options;
    this.#served = served;
    this.server = createHttpServer((request, response) => this.#served.listener(request, response), options);
  }

  /** Listens, and answers with `listener` until something else is served. */
  static async open(listener: RequestListener, options: ServiceOptions): Promise<Service> {
    const service = new Service({ listener, close: () => Promise.resolve() }, options);
    // Where nobody reads the log any more, the service goes on.
    process.stdout.on('error', () => undefined);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => service.#stop(signal));
    await listen(service.server, options.config);
    return service;
  }

  /** Serves this from now on, and says that it is ready. */
  serve(served: Served): void {
    this.#served = served;
    this.#options.lifecycle.enter('ready');
    this.#options.logger.info('listening', { address: this.address });
  }

  /** Where it listens: a URL, or the path of a Unix socket. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') return String(address);
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  #stop(signal: string): void {
    if (this.#isStopping) process.exit(1);
    this.#isStopping = true;
    this.#options.logger.info('stopping', { signal });
    void this.#drain().then((code) => process.exit(code));
  }

  /** @returns the exit code */
  async #drain(): Promise<number> {
    const { lifecycle, logger, drainNoticeMs } = this.#options;
    lifecycle.enter('draining');
    try {
      await delay(drainNoticeMs);
      const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
      this.server.closeIdleConnections();
      const limit = AbortSignal.timeout(drainLimitMs);
      limit.addEventListener('abort', () => this.server.closeAllConnections());
      await closed;
      await this.#served.close();
      logger.info('stopped');
      return 0;
    } catch (error) {
      logger.error('the stop failed', { cause: error });
      return 1;
    }
  }
}

/** Ends a start that failed: one message for the operator, no stack, exit code 1. */
export function exitWithMessage(error: unknown): never {
  process.stderr.write(`mlapi: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function listen(server: Server, { host, port, socket }: ServiceOptions['config']): Promise<void> {
  if (socket !== undefined) await removeStaleSocket(socket);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (socket !== undefined) server.listen(socket, resolve);
    else server.listen(port, host, resolve);
  });
  if (socket !== undefined) chmodSync(socket, 0o660);
}

/** A socket that nobody answers on was left behind by a service that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const connection = connect(path, () => resolve(true)).once('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
  if (isAnswered) throw new Error(`another service listens on ${path}`);
  unlinkSync(path);
}
