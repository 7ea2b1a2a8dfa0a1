import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Endpoint } from './endpoint.ts';
import { HeaderList } from './header-list.ts';
import { fewBytes, Reservation, type ResponseMemory } from './response-memory.ts';
import type { ErrorShape } from './response/error-shape.ts';
import type { Session } from './session.ts';

const wellFormedId = /^[A-Za-z0-9-]{8,64}$/;
/** A property of the request: with a WeakMap, each request would add work for the garbage collector. */
const exchange = Symbol('exchange');

interface BegunRequest extends IncomingMessage {
  [exchange]?: Exchange | undefined;
}

interface ExchangeOptions {
  readonly address: string | undefined;
  /** Headers that every response has. */
  readonly headers: readonly string[];
  readonly errorShapes?: readonly ErrorShape[];
}

/** One request with its response, and what the steps on its way learn about them. */
export class Exchange implements ResponseMemory {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The caller's `X-Request-Id` if well formed (8 to 64 letters, digits or hyphens), otherwise a new UUID. */
  readonly id: string;
  /**
   * Client address, from `X-Forwarded-For` if the peer is a trusted proxy. `undefined` on a Unix socket. Unvalidated: a proxy may forward
   * any string.
   */
  readonly address: string | undefined;
  /** Path and query as received. Express modifies `request.url` while routing. */
  readonly target: string;
  /** Headers to send with the response. */
  readonly headers: HeaderList;
  /** Shapes of errors, by path. */
  readonly errorShapes: readonly ErrorShape[];
  /** Path of the matched endpoint, such as `/api/models/{name}`; undefined if none matched. */
  route: string | undefined;
  /** Set by the guard. */
  session: Session | undefined;
  /** Error code, and its private cause for the log. */
  code: string | undefined;
  cause: unknown;
  #reservation: Reservation | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { address, headers, errorShapes = [] }: ExchangeOptions,
  ) {
    this.request = request;
    this.response = response;
    this.address = address;
    this.errorShapes = errorShapes;
    this.target = request.url ?? '';
    const given = request.headers['x-request-id'];
    this.id = typeof given === 'string' && wellFormedId.test(given) ? given : randomUUID();
    this.headers = new HeaderList(headers);
    this.headers.set('x-request-id', this.id);
    (request as BegunRequest)[exchange] = this;
  }

  /** Path without the query. */
  get path(): string {
    const end = this.target.indexOf('?');
    return end === -1 ? this.target : this.target.slice(0, end);
  }

  /** Does nothing for unauthenticated requests, which never get large responses. @throws {Problem} 503 */
  reserve(bytes: number): void {
    if (bytes < fewBytes || this.session === undefined) return;
    this.#reservation ??= new Reservation(this.session.clientId, this.response);
    this.#reservation.raise(bytes);
  }

  /** Drops the reference from the request. Node keeps the last request of an idle connection, which would keep all of this alive. */
  release(): void {
    (this.request as BegunRequest)[exchange] = undefined;
  }

  /** Returns the exchange of a request that passed `createListener`, also after Express has handled it. */
  static of(request: IncomingMessage): Exchange {
    const found = (request as BegunRequest)[exchange];
    if (found === undefined) throw new Error('the request did not pass createListener');
    return found;
  }
}

/** The endpoint that a request is for, and the parameters of its path. */
export interface Match {
  readonly endpoint: Endpoint;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * A step before an endpoint's handler: lets the request pass or throws a Problem.
 * @param match undefined where no endpoint takes the path and method
 */
export type Check = (exchange: Exchange, match: Match | undefined) => void | Promise<void>;
