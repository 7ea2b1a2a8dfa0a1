import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../telemetry/logger.ts';
import { Exchange } from '../exchange.ts';
import { Problem } from '../problem.ts';
import { sendError, problemDetails } from '../response/error-responses.ts';

interface Refusal {
  readonly logger: Logger;
  readonly status: number;
  /** Parser error code, for the log only. */
  readonly cause: unknown;
}

/**
 * Answers malformed HTTP and closes the connection: after a parser error, the stream cannot be trusted. Each request on the connection gets
 * at most one response, in order.
 * @param latest response to the newest request on the connection
 */
export function refuseConnection(
  socket: Duplex,
  latest: ServerResponse | undefined,
  { logger, status, cause }: Refusal,
): void {
  const problem = new Problem(status, 'malformed_http', 'The request is not well-formed HTTP.', {
    headers: { connection: 'close', ...(status === 405 && { allow: 'GET, HEAD, POST' }) },
    cause,
  });
  const refuse = () => {
    const isAnswered = latest !== undefined && !latest.req.complete;
    if (!isAnswered && socket.writable) log(writeRefusal(socket, problem));
    else socket.end(() => socket.destroy());
  };
  const log = (id: string) => {
    logger.info('request', { request_id: id, status, code: problem.code, cause });
  };
  // A response whose connection broke before it began is destroyed and never emits `close`.
  if (latest === undefined || latest.destroyed) refuse();
  else if (latest.req.complete || latest.headersSent) latest.once('close', refuse);
  // The body of this request is malformed: answer the request itself.
  else sendError(problem, Exchange.of(latest.req));
}

/** @returns the request id sent with the response */
function writeRefusal(socket: Duplex, problem: Problem): string {
  const id = randomUUID();
  const body = JSON.stringify(problemDetails(problem, '', id));
  const headers = {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': id,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...problem.headers,
  };
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  return id;
}
