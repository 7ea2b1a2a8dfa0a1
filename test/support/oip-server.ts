import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Answer = (response: ServerResponse, received: Received) => void;

/** The model returns each row of three numbers. */
const metadata = {
  name: 'echo',
  versions: ['1'],
  platform: 'scripted_v1',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
};

/** A server of the Open Inference Protocol with one model, `echo`, whose responses a test can change. */
export class OipServer {
  readonly received: Received[] = [];
  connections = 0;
  metadata: object = metadata;
  extensions: readonly string[] = [];
  /** The status of model metadata. */
  described = 200;
  /** The status of `/v2`. */
  root = 200;
  /** Handles inference; correctly, unless a test replaces it. */
  infer: Answer = echo;
  #target: { readonly url: string; readonly token: string } | undefined;
  readonly #scheme: string;
  readonly #server: ReturnType<typeof createServer>;

  /** @param tls certificate and key, to serve HTTPS instead of HTTP */
  constructor(tls?: Pick<ServerOptions, 'cert' | 'key'>) {
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = tls === undefined ? createServer(serve) : createSecureServer(tls, serve);
    this.#server.on('connection', () => (this.connections += 1));
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** The received inference requests. */
  get inferences(): Received[] {
    return this.received.filter(({ path }) => path.endsWith('/infer'));
  }

  /** Turns it into a gateway that adds a token to forwarded requests. */
  forwardTo(url: string, token: string): void {
    this.#target = { url, token };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url: path = '', headers } = request;
    const received = { method, path, headers, body: Buffer.concat(chunks) };
    this.received.push(received);
    response.on('error', () => undefined);
    if (this.#target !== undefined) await forward(received, response, this.#target);
    else if (path.endsWith('/infer')) this.infer(response, received);
    else if (path === '/v2') say(response, { name: 'scripted', version: '1', extensions: this.extensions }, this.root);
    else say(response, this.metadata, this.described);
  }
}

async function forward(
  { method, path, headers, body }: Received,
  response: ServerResponse,
  { url, token }: { url: string; token: string },
): Promise<void> {
  const kept = ['content-type', 'inference-header-content-length'];
  const passed = kept.map((name) => [name, String(headers[name] ?? '')] as const).filter(([, value]) => value !== '');
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { ...Object.fromEntries(passed), authorization: `Bearer ${token}` },
    ...(method === 'POST' && { body: new Uint8Array(body) }),
  });
  for (const name of kept) {
    const value = answer.headers.get(name);
    if (value !== null) response.setHeader(name, value);
  }
  response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
}

/** Responds with JSON. */
export function say(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A response of the model, with some fields replaced. */
export function responseOf(received: Received, output: object = {}, more: object = {}): object {
  const { inputs } = JSON.parse(received.body.toString()) as { inputs: { shape: number[]; data: number[] }[] };
  const { shape, data } = inputs[0]!;
  return { model_name: 'echo', outputs: [{ name: 'y', datatype: 'FP32', shape, data, ...output }], ...more };
}

export const echo: Answer = (response, received) => {
  const jsonLength = received.headers['inference-header-content-length'];
  if (jsonLength === undefined) {
    say(response, responseOf(received));
    return;
  }
  const bytes = received.body.subarray(Number(jsonLength));
  const json = JSON.parse(received.body.subarray(0, Number(jsonLength)).toString()) as {
    inputs: { shape: number[] }[];
  };
  const { shape } = json.inputs[0]!;
  const tensor = { name: 'y', datatype: 'FP32', shape, parameters: { binary_data_size: bytes.length } };
  const head = Buffer.from(JSON.stringify({ model_name: 'echo', outputs: [tensor] }));
  response.writeHead(200, { 'inference-header-content-length': head.length });
  response.end(Buffer.concat([head, bytes]));
};

/** A contract for its model. */
export function echoContract(url: string, more: object = {}): object {
  return {
    name: 'echo',
    features: ['a', 'b', 'c'].map((name) => ({ name, type: 'number' })),
    output: { kind: 'class_scores', scores: 'per-class', labels: ['first', 'second', 'third'] },
    remote: { url, model: 'echo' },
    ...more,
  };
}
