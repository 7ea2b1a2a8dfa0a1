import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { connect, Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { CoreConfig } from '../../config/core-config.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createHttpServer } from './server.ts';

/** How long readiness fails while requests are still served, so that a load balancer can react. */
const noticeMs = 1_000;
const drainLimitMs = 8_000;
/** After this, the process exits although it has not stopped; less than `TimeoutStopSec` of `deploy/mlapi.service`. */
export const stopLimitMs = 12_000;
/** A little longer than idle connections are kept alive. */
const lingerLimitMs = 70_000;

interface ServiceOptions {
  readonly config: Pick<CoreConfig, 'host' | 'port' | 'socket'>;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** The request listener, and the resources to close with it. */
interface Served {
  readonly listener: RequestListener;
  close(): Promise<void>;
}

/** The listening process: serves one listener after another, and ends by `stop` or `leave`. */
export class Service {
  readonly server: Server;
  readonly #options: ServiceOptions;
  #served: Served;
  #closed: Promise<void> | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#served = { listener: () => undefined, close: () => Promise.resolve() };
    this.server = createHttpServer((request, response) => this.#served.listener(request, response), options);
  }

  /** Listens, and serves requests with `listener` until `serve` replaces it. */
  async listen(listener: RequestListener): Promise<void> {
    this.#served = { ...this.#served, listener };
    // A closed log pipe must not end the service.
    process.stdout.on('error', () => undefined);
    await listen(this.server, this.#options.config);
  }

  /** Replaces the listener and reports ready. */
  async serve(served: Served): Promise<void> {
    this.#served = served;
    this.#options.lifecycle.enter('ready');
    if (!this.server.listening) await this.listen(served.listener);
  }

  /** A URL, or the path of a Unix socket. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') return String(address);
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** Shuts down: readiness fails for a second, then requests in flight may finish for up to 8 seconds. @returns the exit code */
  async stop(): Promise<number> {
    this.#options.lifecycle.enter('draining');
    await delay(noticeMs);
    const ended = this.#end(drainLimitMs);
    this.server.closeIdleConnections();
    return ended;
  }

  /**
   * Hands over to another process: accepts no more connections and serves the open ones for up to 70 seconds. Idle connections are kept,
   * since a request may be on its way.
   * @returns the exit code
   */
  leave(): Promise<number> {
    this.#options.lifecycle.enter('leaving');
    return this.#end(lingerLimitMs);
  }

  async #end(limitMs: number): Promise<number> {
    try {
      // `close` of the HTTP server would also close idle connections.
      this.#closed ??= new Promise<void>((resolve) =>
        NetServer.prototype.close.call(this.server, () => resolve()),
      ).then(() => this.#served.close());
      setTimeout(() => this.server.closeAllConnections(), limitMs).unref();
      await this.#closed;
      this.#options.logger.tellDropped();
      return 0;
    } catch (error) {
      this.#options.logger.error('shutdown failed', { cause: error });
      return 1;
    }
  }
}

/** Ends a failed start: one message for the operator, no stack, exit code 1. */
export function exitWithMessage(error: unknown): never {
  process.stderr.write(`mlapi: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function listen(server: Server, { host, port, socket }: ServiceOptions['config']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE' && socket === undefined;
      reject(isTaken ? portTaken(host, port, error) : error);
    });
    if (socket !== undefined) server.listen(socket, resolve);
    else server.listen(port, host, resolve);
  });
  if (socket !== undefined) chmodSync(socket, 0o660);
}

function portTaken(host: string, port: number, cause: Error): Error {
  const remedy = 'stop the process that listens there, or choose another port with MLAPI_PORT';
  return new Error(`port ${port} on ${host} is in use (EADDRINUSE): ${remedy}`, { cause });
}

/** Removes a socket that nobody answers on, left behind by a killed service. @throws {Error} if another service listens on it */
export async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const connection = connect(path, () => resolve(true)).once('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
  if (isAnswered) throw new Error(`another service listens on ${path}`);
  unlinkSync(path);
}
