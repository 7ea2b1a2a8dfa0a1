import { randomUUID } from 'node:crypto';
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../telemetry/logger.ts';
import { problemDetails } from './error-responses.ts';
import type { Lifecycle } from './lifecycle.ts';
import { Problem } from './problem.ts';

const maxHeaderBytes = 16_384;
const maxHeaders = 100;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const keepAliveTimeoutMs = 65_000;
const maxRequestsPerSocket = 10_000;

interface ServerOptions {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** An HTTP server that gives nobody more time or memory than a well-behaved client needs. */
export function createHttpServer(listener: RequestListener, { logger, lifecycle }: ServerOptions): Server {
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
    requireHostHeader: true,
  });
  // Past this many, Node would drop the rest in silence; one more shows that there were too many.
  server.maxHeadersCount = maxHeaders + 1;
  server.maxRequestsPerSocket = maxRequestsPerSocket;
  const refuse = (socket: Duplex, status: number, cause?: unknown) => {
    const id = answerAndClose(socket, status);
    logger.info('request', { request_id: id, status, code: 'malformed_http', cause });
  };
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (lifecycle.isDraining) response.setHeader('connection', 'close');
    if (request.rawHeaders.length / 2 > maxHeaders) refuse(request.socket, 431);
    else listener(request, response);
  };
  server.on('request', serve);
  // The body reader sends "100 Continue", once the guard has let the request through.
  server.on('checkContinue', serve);
  server.on('checkExpectation', (request: IncomingMessage) => refuse(request.socket, 417));
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => refuse(socket, 405));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    refuse(socket, statusOfParserError(error.code), error.code),
  );
  return server;
}

function statusOfParserError(code: string | undefined): number {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 413;
    default:
      return 400;
  }
}

/** Answers what never became a request, and closes: after a parser's error the stream cannot be trusted. @returns its id */
function answerAndClose(socket: Duplex, status: number): string {
  const id = randomUUID();
  if (!socket.writable) {
    socket.destroy();
    return id;
  }
  const title = STATUS_CODES[status] ?? 'Bad Request';
  const problem = new Problem(status, 'malformed_http', 'The request is not well-formed HTTP.');
  const body = JSON.stringify(problemDetails(problem, '', id));
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    ...(status === 405 ? ['Allow: GET, HEAD, POST'] : []),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  return id;
}
