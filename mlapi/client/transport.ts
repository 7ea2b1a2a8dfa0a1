import { Agent as HttpAgent, request as httpRequest, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ApiError } from './api-error.ts';
import { reasonOf, type Deadline } from './deadline.ts';
import type { Payload } from './payload.ts';
import { ServiceResponse } from './response.ts';

/** Servers that do not support 100-continue get the body after this time (RFC 9110 section 10.1.1). */
const continueTimeoutMs = 1_000;
const maxHeaderBytes = 65_536;

export interface WireCall {
  readonly method: string;
  /** Including the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload;
  /** Use a new connection: a kept one may be dead, and the request would be lost. */
  readonly runsAlone?: boolean;
}

/** Address of the service. */
export interface Address {
  /** `https://host`. Plain `http` only to this machine, unless `allowsPlainHttp` is set, because tokens are sent. */
  readonly url: string;
  readonly socketPath?: string;
  readonly allowsPlainHttp?: boolean;
}

const ownMachine = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** HTTP client for one origin. Does not follow redirects, so that tokens go nowhere else. */
export class Transport {
  readonly #base: URL;
  readonly #socketPath: string | undefined;
  readonly #agent: HttpAgent;

  constructor({ url, socketPath, allowsPlainHttp = false }: Address) {
    // Do not repeat the value in the message: it may contain a password.
    if (!URL.canParse(url)) throw new TypeError('invalid url');
    this.#base = new URL(url);
    const { protocol, username, password, search, hash, hostname } = this.#base;
    if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError('the url must begin with https: or http:');
    if (`${username}${password}${search}${hash}` !== '')
      throw new TypeError('the url must have no user, password, query or fragment');
    if (protocol === 'http:' && socketPath === undefined && !allowsPlainHttp && !ownMachine.test(hostname))
      throw new TypeError('the url must begin with https: because tokens must not be sent unencrypted');
    this.#socketPath = socketPath;
    this.#agent = protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  /** Sends a request. @returns the response with an unread body. @throws {ApiError} if there is no response */
  send(call: WireCall, deadline: Deadline): Promise<ServiceResponse> {
    const { signal } = deadline;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOf(signal));
        return;
      }
      const request = this.#open(call);
      const state = { isConnected: false, isRefused: false };
      const fail = (error: Error) => {
        reject(error);
        request.destroy();
      };
      const abort = () => {
        const reason = reasonOf(signal);
        const isUnheard = reason instanceof ApiError && !state.isConnected;
        fail(isUnheard ? new ApiError('unreachable', reason.detail) : reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      request
        .on('socket', (socket) => {
          const connected = () => (state.isConnected = true);
          if (socket.connecting) socket.once('encrypted' in socket ? 'secureConnect' : 'connect', connected);
          else connected();
        })
        .on('error', ({ code = 'no code' }: NodeJS.ErrnoException) => {
          if (state.isConnected) fail(new ApiError('connection_lost', `The connection was lost (${code}).`));
          else fail(new ApiError('unreachable', `The service is unreachable (${code}).`));
        })
        .on('close', () => signal.removeEventListener('abort', abort))
        .on('response', (message) => {
          signal.removeEventListener('abort', abort);
          state.isRefused = (message.statusCode ?? 0) >= 300;
          resolve(new ServiceResponse(message, request, deadline));
        });
      sendBody(request, call.payload, () =>
        state.isRefused ? Promise.resolve() : pump(call.payload!, request, { deadline, state }).catch(fail),
      );
    });
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  #open({ method, path, headers, payload, runsAlone = false }: WireCall): ClientRequest {
    const { protocol, hostname, port, pathname } = this.#base;
    const open = protocol === 'https:' ? httpsRequest : httpRequest;
    const { length } = payload ?? {};
    return open({
      // Only URLs put IPv6 addresses in brackets.
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port !== '' && { port }),
      ...(this.#socketPath !== undefined && { socketPath: this.#socketPath }),
      method,
      path: `${pathname.replace(/\/$/, '')}${path}`,
      agent: runsAlone ? false : this.#agent,
      maxHeaderSize: maxHeaderBytes,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(payload !== undefined && { 'content-type': payload.mediaType }),
        ...(length !== undefined && { 'content-length': length }),
        ...(payload?.isAnnounced === true && { expect: '100-continue' }),
      },
    });
  }
}

/** Sends the body at once, or after 100 Continue if it is announced. */
function sendBody(request: ClientRequest, payload: Payload | undefined, send: () => Promise<void>): void {
  if (payload === undefined) {
    request.end();
    return;
  }
  if (!payload.isAnnounced) {
    void send();
    return;
  }
  let isBegun = false;
  const begin = () => {
    clearTimeout(timer);
    if (isBegun || request.destroyed) return;
    isBegun = true;
    void send();
  };
  const timer = setTimeout(begin, continueTimeoutMs);
  const stop = () => clearTimeout(timer);
  request.on('continue', begin).on('response', stop).on('close', stop);
  request.flushHeaders();
}

interface Pumping {
  readonly deadline: Deadline;
  readonly state: { readonly isRefused: boolean };
}

/** Sends the body no faster than the service reads, and stops when it rejects. Errors of the source reach the caller. */
async function pump(payload: Payload, request: ClientRequest, { deadline, state }: Pumping): Promise<void> {
  const isOver = () => request.destroyed || state.isRefused;
  deadline.pause();
  for await (const chunk of payload.open()) {
    if (isOver()) return;
    if (request.write(chunk)) continue;
    deadline.resume();
    await drained(request);
    deadline.pause();
  }
  if (isOver()) return;
  request.end();
  deadline.resume();
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'response'];
    const done = () => {
      for (const event of events) request.off(event, done);
      resolve();
    };
    for (const event of events) request.on(event, done);
    if (request.destroyed) done();
  });
}
