import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly type: string | undefined;
  readonly body: string;
}

/** An OpenTelemetry collector that records requests and answers with `status`. */
export class TestCollector {
  readonly received: Received[] = [];
  status = 200;
  readonly #server: Server;
  #onReceived: () => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.once('end', () => {
        this.received.push({ path: request.url ?? '', type: request.headers['content-type'], body });
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
        this.#onReceived();
      });
    });
  }

  /** @param port 0 lets the system choose */
  static async open(port = 0): Promise<TestCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new TestCollector(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Waits for the first request that matches. */
  async gets(holds: (received: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.received.find(holds);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#onReceived = resolve));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
