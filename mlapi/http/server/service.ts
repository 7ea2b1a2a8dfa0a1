import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { connect, Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { CoreConfig } from '../../config/core-config.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createHttpServer } from './server.ts';

/** How long readiness says no while requests are still served, so that a balancer can look away. */
const noticeMs = 1_000;
const drainLimitMs = 8_000;
/** A little longer than an idle connection is kept. */
const lingerLimitMs = 70_000;

interface ServiceOptions {
  readonly config: Pick<CoreConfig, 'host' | 'port' | 'socket'>;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** The listener that is served, and the resources that are closed with it. */
interface Served {
  readonly listener: RequestListener;
  close(): Promise<void>;
}

/** The process as others see it: it listens, serves one thing after another, and comes to its end in one of two ways. */
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

  /** Listens, and answers with `listener` until something else is served. */
  async listen(listener: RequestListener): Promise<void> {
    this.#served = { ...this.#served, listener };
    // Where nobody reads the log any more, the service goes on.
    process.stdout.on('error', () => undefined);
    await listen(this.server, this.#options.config);
  }

  /** Serves this from now on, and says that it is ready. */
  async serve(served: Served): Promise<void> {
    this.#served = served;
    this.#options.lifecycle.enter('ready');
    if (!this.server.listening) await this.listen(served.listener);
  }

  /** Where it listens: a URL, or the path of a Unix socket. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') return String(address);
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}`;
  }

  /** The service ends: readiness says no for a while, then requests in flight finish. @returns the exit code */
  async stop(): Promise<number> {
    this.#options.lifecycle.enter('draining');
    await delay(noticeMs);
    const ended = this.#end(drainLimitMs);
    this.server.closeIdleConnections();
    return ended;
  }

  /**
   * Another process goes on with the service: this one takes no more connections, and serves those it has until they are closed. An
   * idle one may just be bringing a request, so none is cut off. @returns the exit code
   */
  leave(): Promise<number> {
    this.#options.lifecycle.enter('leaving');
    return this.#end(lingerLimitMs);
  }

  async #end(limitMs: number): Promise<number> {
    try {
      // That of the HTTP server would close the idle connections, too.
      this.#closed ??= new Promise<void>((resolve) =>
        NetServer.prototype.close.call(this.server, () => resolve()),
      ).then(() => this.#served.close());
      setTimeout(() => this.server.closeAllConnections(), limitMs).unref();
      await this.#closed;
      this.#options.logger.tellDropped();
      return 0;
    } catch (error) {
      this.#options.logger.error('the stop failed', { cause: error });
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
  const remedy = 'end the process that listens there, or choose another port with MLAPI_PORT';
  return new Error(`port ${port} of ${host} is taken (EADDRINUSE): ${remedy}`, { cause });
}

/** A socket that nobody answers on was left behind by a service that was killed. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const connection = connect(path, () => resolve(true)).once('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
  if (isAnswered) throw new Error(`another service listens on ${path}`);
  unlinkSync(path);
}
