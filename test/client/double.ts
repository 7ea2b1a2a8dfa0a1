import { createServer, request as open, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ApiError, Client, type ClientOptions } from '../../mlapi/client/client.ts';
import type { Timing } from '../../mlapi/client/deadline.ts';
import type { FakeClock, TestService } from '../support/service.ts';

/** A server in place of the service, only for behaviour that the real one cannot show. */
export interface Double {
  readonly url: string;
  readonly server: Server;
  /** Method and path of each request, in order of arrival. */
  readonly seen: string[];
  readonly close: () => Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

export async function startDouble(handle: Handler, port = 0): Promise<Double> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    void handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Uses the handlers in order; the last one handles all further requests. */
export function inTurn(...handlers: readonly Handler[]): Handler {
  let turn = 0;
  return (request, response) => handlers[Math.min(turn++, handlers.length - 1)]!(request, response);
}

/** Responds once the whole request has been read. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handler {
  return async (request, response) => {
    await text(request);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Closes the connection without a response. */
export const cut: Handler = (request) => request.socket.destroy();

/** Forwards requests to the service, and its responses back. */
export function forwardTo({ port }: TestService): Handler {
  return (request, response) =>
    new Promise<void>((resolve) => {
      const { method, url: path, headers } = request;
      const onward = open({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response).on('close', resolve);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
}

/** @returns the error of a call that must fail */
export async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const failure: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof ApiError))
    throw new Error('it did not fail as a call of the library does', { cause: failure });
  return failure;
}

/** Polls on every turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

/** Tokens that no service verifies. */
export const madeUp = { access_token: 'access-secret', refresh_token: 'refresh-secret' };

export const madeUpResponse = {
  ...madeUp,
  token_type: 'Bearer',
  expires_in: 900,
  refresh_expires_in: 86_400,
  scope: 'a',
};

/** A clock that advances itself by each wait, so that tests need not wait. */
export class InstantTiming implements Timing {
  readonly waits: number[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly now = (): number => this.#clock.readMonotonic();
  readonly random = (): number => 0.5;
  readonly wait = (ms: number): Promise<void> => {
    this.waits.push(ms);
    this.#clock.advanceSeconds(ms / 1_000);
    return Promise.resolve();
  };
}

/** A client of a running test service, with its own name and password. */
export async function clientOf(
  service: TestService,
  options: Partial<ClientOptions> & { scopes?: readonly string[] } = {},
): Promise<{ client: Client; username: string; password: string; timing: InstantTiming }> {
  const username = `library-${(clients += 1)}`;
  const { scopes = ['models:predict', 'models:read'], ...others } = options;
  const password = await service.services.clients.add(username, { scopes });
  const timing = new InstantTiming(service.clock);
  const client = new Client({ url: service.url, timing, username, password, ...others });
  return { client, username, password, timing };
}

let clients = 0;
