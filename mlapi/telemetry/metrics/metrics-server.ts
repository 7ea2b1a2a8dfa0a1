import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';

const host = '127.0.0.1';
const maxConnections = 16;
const maxHeaderBytes = 8_192;
const requestTimeoutMs = 5_000;
const keepAliveTimeoutMs = 5_000;
/** For a reader that takes nothing. */
const idleTimeoutMs = 10_000;

/** Serves the metrics to this machine: `GET /metrics`, and nothing else. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param port 0: the system chooses
   * @param read makes the text
   * @throws {Error} if the port cannot be listened on
   */
  static async open(port: number, read: () => Promise<string>): Promise<MetricsServer> {
    const options = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: 1_000,
    };
    const server = createServer(options, (request, response) => void answer(request, response, read));
    server.maxConnections = maxConnections;
    server.timeout = idleTimeoutMs;
    await new Promise<void>((resolve, reject) => {
      server.once('error', ({ code }: NodeJS.ErrnoException) =>
        reject(new Error(`the metrics port ${port} cannot be listened on: ${code}`)),
      );
      server.listen(port, host, resolve);
    });
    return new MetricsServer(server);
  }

  get url(): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}/metrics`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, read: () => Promise<string>): Promise<void> {
  // A page of somebody else, under a name that leads here, must not read it through a browser on this machine.
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) send(response, 421);
  else if (request.url !== '/metrics') send(response, 404);
  else if (request.method !== 'GET') send(response, 405, { allow: 'GET' });
  else {
    const text = await read().catch(() => undefined);
    if (text === undefined) send(response, 500);
    else send(response, 200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }, text);
  }
}

function send(response: ServerResponse, status: number, headers: Record<string, string> = {}, text = ''): void {
  const length = Buffer.byteLength(text);
  response
    .writeHead(status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-length': length,
      ...headers,
    })
    .end(text);
}
