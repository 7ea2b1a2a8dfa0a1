import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';

const host = '127.0.0.1';
const maxConnections = 16;
const maxHeaderBytes = 8_192;
const requestTimeoutMs = 5_000;
const keepAliveTimeoutMs = 5_000;
/** For readers that stop reading. */
const idleTimeoutMs = 10_000;

/** Serves `GET /metrics` to this machine only. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Starts listening on 127.0.0.1.
   * @param port 0: chosen by the system
   * @param read returns the metrics as text
   * @throws {Error} if the port cannot be used
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
        reject(new Error(`cannot listen on the metrics port ${port}: ${code}`)),
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
  // DNS rebinding: another site, whose name resolves to this machine, must not read the metrics through a local browser.
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
