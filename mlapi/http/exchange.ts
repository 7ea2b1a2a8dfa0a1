import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeaderList } from './header-list.ts';
import { fewBytes, Reservation, type ResponseMemory } from './response-memory.ts';
import type { Session } from './session.ts';

const wellFormedId = /^[A-Za-z0-9-]{8,64}$/;
/** On the request itself: a WeakMap would be work for the garbage collector with every request. */
const exchange = Symbol('exchange');

interface BegunRequest extends IncomingMessage {
  [exchange]?: Exchange | undefined;
}

/** One request and its response, with what becomes known about them on the way. */
export class Exchange implements ResponseMemory {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The caller's `X-Request-Id` where it is well formed, otherwise a new UUID. */
  readonly id: string;
  /** Client address, from `X-Forwarded-For` if the peer is a trusted proxy. `undefined` on a Unix socket. Unvalidated: a proxy may forward any string. */
  readonly address: string | undefined;
  /** The path and query as they came. Express changes the request's own while it looks for a route. */
  readonly target: string;
  /** Response headers: whatever is set here is sent with the response. */
  readonly headers: HeaderList;
  /** The path of the endpoint that serves it, as `/api/models/{name}`; undefined until one does. */
  route: string | undefined;
  /** Once the guard has let it through. */
  session: Session | undefined;
  /** Code of a refusal, and its cause, which only the log gets. */
  code: string | undefined;
  cause: unknown;
  #reservation: Reservation | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { address, headers }: { address: string | undefined; headers: readonly string[] },
  ) {
    this.request = request;
    this.response = response;
    this.address = address;
    this.target = request.url ?? '';
    const given = request.headers['x-request-id'];
    this.id = typeof given === 'string' && wellFormedId.test(given) ? given : randomUUID();
    this.headers = new HeaderList(headers);
    this.headers.set('x-request-id', this.id);
    (request as BegunRequest)[exchange] = this;
  }

  /** The target without its query. */
  get path(): string {
    const end = this.target.indexOf('?');
    return end === -1 ? this.target : this.target.slice(0, end);
  }

  /** Strangers are answered nothing large. @throws {Problem} 503 */
  reserve(bytes: number): void {
    if (bytes < fewBytes || this.session === undefined) return;
    this.#reservation ??= new Reservation(this.session.clientId, this.response);
    this.#reservation.raise(bytes);
  }

  /** Once it is answered: Node keeps the last request of a connection until the next, and all of this would be kept with it. */
  release(): void {
    (this.request as BegunRequest)[exchange] = undefined;
  }

  /** Returns the exchange of a request that was begun here, even when the request comes back from Express. */
  static of(request: IncomingMessage): Exchange {
    const found = (request as BegunRequest)[exchange];
    if (found === undefined) throw new Error('a request came in past the listener');
    return found;
  }
}

/** A step before an endpoint's handler, which lets the request through or throws a Problem. */
export type Check = (exchange: Exchange) => void | Promise<void>;
