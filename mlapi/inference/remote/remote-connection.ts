import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Problem } from '../../http/problem.ts';
import { invalidModelOutput } from '../problems.ts';
import type { AllowedServer } from './allowed-servers.ts';
import { RemoteFailure } from './remote-failure.ts';

export interface RemoteRequest {
  readonly path: string;
  /** Sent with POST; without a body, the request is a GET. */
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Larger responses are rejected. */
  readonly maxBytes: number;
  /** Deadline in milliseconds of `performance.now()`; the request is aborted then. */
  readonly deadlineMs: number;
}

export interface RemoteResponse {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const connectLimitMs = 2_000;
/** Errors of a connection that was lost or never established. */
const lostCodes: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNREFUSED'];

/**
 * HTTP connections to one server, kept alive. Does not follow redirects, decompress responses or use proxy settings from the environment.
 */
export class RemoteConnection {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #agent: HttpAgent;
  readonly #request: typeof requestHttp;

  constructor({ base, token }: AllowedServer, sockets: number) {
    const options = { keepAlive: true, maxSockets: sockets };
    const isSecure = base.startsWith('https:');
    this.#base = base;
    this.#token = token;
    this.#agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options);
    this.#request = isSecure ? requestHttps : requestHttp;
  }

  /**
   * @throws {RemoteFailure} if there is no response
   * @throws {Problem} 422 `invalid_model_output` if the response is compressed or too large
   */
  send({ path, body, headers = {}, maxBytes, deadlineMs }: RemoteRequest): Promise<RemoteResponse> {
    return new Promise((resolve, reject) => {
      const request = this.#request(`${this.#base}${path}`, {
        agent: this.#agent,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...headers,
          ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
          ...(body !== undefined && { 'content-length': body.length }),
        },
      });
      const leftMs = Math.max(1, deadlineMs - performance.now());
      const late = () => request.destroy(new RemoteFailure('timeout', 'the server did not respond in time'));
      const deadline = setTimeout(late, leftMs);
      const hasAnswered = watchSocket(request);
      const settle = (cause: unknown) => {
        clearTimeout(deadline);
        reject(cause instanceof Problem || cause instanceof RemoteFailure ? cause : lost(cause, hasAnswered()));
      };
      request.on('error', settle);
      request.once('response', (response) => {
        read(response, maxBytes).then((answer) => {
          clearTimeout(deadline);
          // The token could end up in a log or in the name of a tensor.
          if (this.#token !== undefined && answer.body.includes(this.#token))
            reject(
              new RemoteFailure('crashed', `the server answered ${answer.status} and its response contained the token`),
            );
          else resolve(answer);
        }, settle);
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** @returns a function that tells whether any byte of a response has arrived */
function watchSocket(request: ClientRequest): () => boolean {
  let bytesRead = () => 0;
  request.once('socket', (socket) => {
    const before = socket.bytesRead;
    bytesRead = () => socket.bytesRead - before;
    if (!socket.connecting) return;
    const limit = setTimeout(() => {
      request.destroy(new RemoteFailure('crashed', 'the server did not accept a connection in time'));
    }, connectLimitMs);
    for (const event of ['connect', 'close'] as const) socket.once(event, () => clearTimeout(limit));
  });
  return () => bytesRead() > 0;
}

async function read(response: IncomingMessage, maxBytes: number): Promise<RemoteResponse> {
  const { statusCode: status = 0, headers } = response;
  const refuse = (reason: string) => {
    // Do not wait for the rest of the response.
    response.destroy();
    return invalidModelOutput(reason);
  };
  if (!['identity', ''].includes(headers['content-encoding'] ?? '')) throw refuse('its response is compressed');
  const tooLarge = 'its response is too large';
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw refuse(tooLarge);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw refuse(tooLarge);
    chunks.push(chunk);
  }
  return { status, headers, body: Buffer.concat(chunks, length) };
}

function lost(cause: unknown, hasAnswered: boolean): RemoteFailure {
  const { code } = cause as NodeJS.ErrnoException;
  const reason = `the connection to the server failed (${code ?? 'unknown error'})`;
  return new RemoteFailure('crashed', reason, { isRetryable: !hasAnswered && lostCodes.includes(code), cause });
}
