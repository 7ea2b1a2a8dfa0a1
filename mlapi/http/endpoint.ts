import { isIP } from 'node:net';
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import type Joi from 'joi';
import type { BodyReader } from './body.ts';
import { Problem } from './problem.ts';
import { readQuery } from './query.ts';
import { validate } from './validate.ts';

/** Who calls, as the guard found it in a verified access token. */
export interface Session {
  readonly clientId: string;
  readonly clientName: string;
  readonly familyId: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** A request after every check: what a handler gets. Headers are as Node gives them: names in lower case, repeated ones joined. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly session: Session | undefined;
  readonly address: string;
  readonly requestId: string;
}

/** What a handler answers: an object is sent as JSON, a string or the bytes of one as they are, undefined as an empty body. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** `public`, a bearer token of one kind, or the scope that the access token must hold. */
export type Access = 'public' | 'access token' | 'refresh token' | `${string}:${string}`;

/** One route, as data: what serves it, what guards it and what documents it come from the same place. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it: `/api/models/{name}`. */
  readonly path: string;
  readonly access: Access;
  readonly query?: Joi.ObjectSchema;
  readonly body?: { readonly reader: BodyReader; readonly schema?: Joi.Schema };
  readonly docs: EndpointDocs;
  handle(call: Call): Answer | Promise<Answer>;
}

export interface EndpointDocs {
  readonly summary: string;
  readonly tag: string;
  /** Statuses beside those that follow from method, access and body; a schema where the body is no error. */
  readonly statuses: Readonly<Record<number, string | { readonly text: string; readonly schema: object }>>;
  /** JSON Schema of the answer with status 200, its media type, and a real sample. */
  readonly answer?: { readonly schema: object; readonly example?: unknown; readonly mediaType?: string };
  /** Bodies to send, by name; and their JSON Schema where the endpoint has no Joi schema. */
  readonly body?: { readonly examples: Readonly<Record<string, unknown>>; readonly schema?: object };
}

/** Refuses a session that lacks what the endpoint asks for. @throws {Problem} 403 */
export type Authorize = (
  session: Session | undefined,
  access: Access,
  call: Pick<Call, 'address' | 'requestId'>,
) => Promise<void>;

/** Where nobody can say who calls, only public endpoints answer. */
const publicOnly: Authorize = (_session, access) => {
  if (access === 'public') return Promise.resolve();
  return Promise.reject(new Problem(401, 'invalid_token', 'A valid bearer token is required.'));
};

/** An Express router for a list of endpoints. Another method on their paths is 405; HEAD works where GET does. */
export function routes(endpoints: readonly Endpoint[], authorize: Authorize = publicOnly): Router {
  const router = express.Router({ caseSensitive: true });
  const paths = new Set(endpoints.map(({ path }) => path));
  for (const path of paths) {
    const route = router.route(path.replace(/\{(\w+)\}/g, ':$1'));
    const group = endpoints.filter((endpoint) => endpoint.path === path);
    for (const endpoint of group) {
      if (endpoint.method === 'GET') route.get(serve(endpoint, authorize));
      else route.post(serve(endpoint, authorize));
    }
    route.all(otherMethods(group.map(({ method }) => method)));
  }
  return router;
}

function serve(endpoint: Endpoint, authorize: Authorize): RequestHandler {
  return async (request, response) => {
    const call = readCall(request, response);
    await authorize(call.session, endpoint.access, call);
    const query = readQuery(request.url, endpoint.query);
    const answer = await endpoint.handle({
      ...call,
      query,
      body: await readBody(endpoint, request, response),
    });
    send(response, answer);
  };
}

async function readBody({ body }: Endpoint, request: Request, response: Response): Promise<unknown> {
  if (body === undefined) return undefined;
  const value = await body.reader.read(request, response);
  return body.schema === undefined ? value : validate(body.schema, value);
}

function readCall(request: Request, response: Response): Call {
  return {
    params: request.params as Record<string, string>,
    query: {},
    body: undefined,
    headers: request.headers as Record<string, string | undefined>,
    session: response.locals.session as Session | undefined,
    address: readAddress(request.ip),
    requestId: response.locals.requestId as string,
  };
}

/** A proxy may hand on what its client made up: only an address is taken for one. */
function readAddress(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'unknown' : address;
}

/** Writes an answer. */
export function send(response: Response, { status = 200, headers = {}, body }: Answer): void {
  response.status(status);
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  if (body !== undefined) response.setHeader('content-type', isText ? 'text/plain; charset=utf-8' : 'application/json');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const bytes = toBytes(body);
  if (status !== 204 && status !== 304) response.setHeader('content-length', bytes.length);
  response.end(bytes);
}

/** Bytes are not copied: however many readers are slow, they wait for the same ones. */
function toBytes(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function otherMethods(methods: readonly string[]): RequestHandler {
  const allow = [
    ...(methods.includes('GET') ? ['GET', 'HEAD'] : []),
    ...methods.filter((method) => method !== 'GET'),
    'OPTIONS',
  ].join(', ');
  return (request, response) => {
    if (request.method !== 'OPTIONS') {
      throw new Problem(405, 'method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
    }
    send(response, { status: 204, headers: { allow } });
  };
}
