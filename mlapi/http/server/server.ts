import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../telemetry/logger.ts';
import { CollectingRequest } from '../body/collecting-request.ts';
import { maxHeaders } from '../request/request-line.ts';
import { Connection, EventLoopQueue } from './connection.ts';
import type { Lifecycle } from './lifecycle.ts';
import { refuseConnection } from './malformed-http.ts';

const maxHeaderBytes = 16_384;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const keepAliveTimeoutMs = 65_000;
/** For clients that stop reading the response. */
const idleTimeoutMs = 60_000;
const maxRequestsPerSocket = 10_000;

interface ServerOptions {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** An HTTP server that gives no client more time or memory than a well-behaved one needs. */
export function createHttpServer(listener: RequestListener, { logger, lifecycle }: ServerOptions): Server {
  const server = createServer({
    IncomingMessage: CollectingRequest,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
    // Node's own 400 has no body and no security headers; checkRequestLine rejects instead.
    requireHostHeader: false,
  });
  server.timeout = idleTimeoutMs;
  // Node silently drops headers beyond this number. One more than allowed shows that there were too many.
  server.maxHeadersCount = maxHeaders + 1;
  server.maxRequestsPerSocket = maxRequestsPerSocket;

  const turns = new EventLoopQueue();
  const connections = new WeakMap<Duplex, Connection>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const connection = connections.get(socket) ?? new Connection(turns);
    connections.set(socket, connection);
    // Set here, the connection closes. Set by Node, it is only advice, and further requests get a response without headers.
    const isLast = connection.requests + 1 >= (server.maxRequestsPerSocket ?? maxRequestsPerSocket);
    if (isLast || lifecycle.closesConnections) response.setHeader('connection', 'close');
    // Upgrades are not supported: Node would swallow what follows on the connection.
    if (request.headers.upgrade !== undefined) response.setHeader('connection', 'close');
    const isTaken = connection.enqueue(response, () => {
      if (socket.destroyed) response.destroy();
      else listener(request, response);
    });
    if (!isTaken) socket.destroy();
  };
  const refuse = (socket: Duplex, status: number, cause?: unknown) => {
    const connection = connections.get(socket);
    const answer = () => refuseConnection(socket, connection?.latest, { logger, status, cause });
    if (connection === undefined) answer();
    else connection.afterWaiting(answer);
  };
  server.on('request', serve);
  // The body reader sends "100 Continue" after the guard has accepted the request.
  server.on('checkContinue', serve);
  server.on('checkExpectation', serve);
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // Node has removed its own error listener: without this one, a reset would end the process.
    socket.on('error', () => socket.destroy());
    refuse(socket, 405);
  });
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
