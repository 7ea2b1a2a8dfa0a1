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
  close(): Promise<void>;
}

/** Listens until a signal comes, then drains: readiness says no, requests in flight finish, and the process ends with 0. */
export async function runService(listener: RequestListener, options: ServiceOptions): Promise<Server> {
  const { config, logger, lifecycle } = options;
  // Where nobody reads the log any more, the service goes on.
  process.stdout.on('error', () => undefined);
  const server = createHttpServer(listener, { logger, lifecycle });
  // Before it says that it listens: whoever waits for that may send a signal in the same moment.
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      logger.info('stopping', { signal });
      void stop(server, options).then((code) => process.exit(code));
    });
  }
  await listen(server, config);
  lifecycle.enter('ready');
  logger.info('listening', { address: describeAddress(server) });
  return server;
}

/** @returns the exit code. */
async function stop(
  server: Server,
  { lifecycle, logger, drainNoticeMs, ...service }: ServiceOptions,
): Promise<number> {
  lifecycle.enter('draining');
  try {
    await delay(drainNoticeMs);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const limit = AbortSignal.timeout(drainLimitMs);
    limit.addEventListener('abort', () => server.closeAllConnections());
    await closed;
    await service.close();
    logger.info('stopped');
    return 0;
  } catch (error) {
    logger.error('the stop failed', { cause: error });
    return 1;
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

/** Where it listens: a URL, or the path of a Unix socket. */
export function describeAddress(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
