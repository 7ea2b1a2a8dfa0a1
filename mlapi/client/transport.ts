import { Agent as HttpAgent, request as httpRequest, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ApiError } from './api-error.ts';
import { reasonOf, type Deadline } from './deadline.ts';
import type { Payload } from './payload.ts';
import { ServiceResponse } from './response.ts';

/** RFC 9110 section 10.1.1: whoever knows nothing of 100-continue gets the body all the same. */
const continueTimeoutMs = 1_000;
const maxHeaderBytes = 65_536;

export interface WireCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload;
  /** A connection that was kept may be dead, and what was sent on it is then lost: what must not get lost gets its own. */
  readonly runsAlone?: boolean;
}

/** Where the service is. */
export interface Address {
  /** `https://host`; `http` only on this machine, unless `allowsPlainHttp` says otherwise: tokens are sent there. */
  readonly url: string;
  readonly socketPath?: string;
  readonly allowsPlainHttp?: boolean;
}

const ownMachine = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** HTTP to one origin. It follows no redirect: a token goes nowhere else. */
export class Transport {
  readonly #base: URL;
  readonly #socketPath: string | undefined;
  readonly #agent: HttpAgent;

  constructor({ url, socketPath, allowsPlainHttp = false }: Address) {
    // Not in the message: whatever was given may hold a password.
    if (!URL.canParse(url)) throw new TypeError('the url of the service is none');
    this.#base = new URL(url);
    const { protocol, username, password, search, hash, hostname } = this.#base;
    if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError('the url must begin with https: or http:');
    if (`${username}${password}${search}${hash}` !== '')
      throw new TypeError('the url must have no user, password, query or fragment');
    if (protocol === 'http:' && socketPath === undefined && !allowsPlainHttp && !ownMachine.test(hostname))
      throw new TypeError('the url must begin with https: tokens would pass the network in the clear');
    this.#socketPath = socketPath;
    this.#agent = protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  /** Sends a request. @returns its answer, whose body is still to be read. @throws {ApiError} where there is none */
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
          else fail(new ApiError('unreachable', `The service cannot be reached (${code}).`));
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

  /** Ends the connections that are kept. */
  close(): void {
    this.#agent.destroy();
  }

  #open({ method, path, headers, payload, runsAlone = false }: WireCall): ClientRequest {
    const { protocol, hostname, port, pathname } = this.#base;
    const open = protocol === 'https:' ? httpsRequest : httpRequest;
    const { length } = payload ?? {};
    return open({
      // An IPv6 address has brackets in a URL only.
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

/** At once, or when the service says that it will read it. */
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

/** No faster than the service reads, and no further than it wants to. What the source throws is the caller's to see. */
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
