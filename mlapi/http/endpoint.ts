import type { Readable } from 'node:stream';
import type Joi from 'joi';
import type { AuditEvent } from '../telemetry/audit-trail.ts';
import type { BodyReader } from './body/readers.ts';
import type { Problem } from './problem.ts';
import type { ResponseMemory } from './response-memory.ts';
import type { Chunk, Compression } from './response/chunks.ts';
import type { Session } from './session.ts';

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never;

/** Parameters of a path: `{ name: string }` for `/api/models/{name}`. Empty if the path is known only at run time. */
export type PathParams<Path extends string> = Readonly<Record<ParamNames<Path>, string>>;

/** Replaces `any`, which would disable type checks, by `unknown`. */
type Known<T> = 0 extends 1 & T ? unknown : T;
type QueryOf<Schema> = Schema extends Joi.ObjectSchema<infer Query> ? Known<Query> : unknown;
/** Type of a body: that of its schema, or of its reader if there is no schema. */
type BodyOf<Body> = Body extends { readonly schema: Joi.Schema<infer Checked> }
  ? Known<Checked>
  : Body extends { readonly reader: BodyReader<infer Read> }
    ? Read
    : undefined;

/** A request that passed every check, as a handler gets it. Headers are as in Node: names in lower case, repeated ones joined. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly session: Session | undefined;
  readonly address: string;
  readonly requestId: string;
  /** Reserve memory here before building a response whose size the request does not bound. */
  readonly memory: ResponseMemory;
}

/** Response of a handler: an object is sent as JSON, a string or buffer unchanged, undefined as an empty body. */
export interface EndpointResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Instead of `body`: a short body, one byte per character (Latin-1), sent in one write with the headers. */
  readonly latin1?: string;
  /** Instead of `body`: its chunks, each made when the previous one has been sent. Must not throw: the status has been sent already. */
  readonly chunks?: Iterable<Chunk>;
  /** Content encoding of `chunks`. */
  readonly compression?: Compression | undefined;
  /** Instead of `body`: the bytes of a file. Set `content-length` in `headers`. */
  readonly stream?: Readable;
}

/** `public`, a bearer token of one kind, or the scope that the access token must hold. */
export type Access = 'public' | 'access token' | 'refresh token' | `${string}:${string}`;

/** `filtered`: the handler restricts its response to what the session's scopes cover. Otherwise a path parameter names the resource. */
export type Resource<Param extends string = string> = 'filtered' | NamedResource<Param>;

interface NamedResource<Param extends string> {
  /** The path parameter that holds the resource's name. */
  readonly param: Param;
  /** The error if the scope covers only other resources: the same as for one that does not exist. */
  readonly hidden: () => Problem;
  /** The audit event of such a rejection. */
  readonly event: AuditEvent;
}

/** One route as data: routing, guards and documentation are all derived from it. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** In OpenAPI notation: `/api/models/{name}`. */
  readonly path: string;
  readonly access: Access;
  /** Whether to serve it ahead of Express (see `createFastPath`): set on the few endpoints that take most requests. */
  readonly isHot?: boolean;
  /** The resource that a scope may be limited to. If unset, a session needs the unlimited scope. */
  readonly resource?: Resource;
  readonly query?: Joi.ObjectSchema;
  readonly body?: EndpointBody;
  readonly docs: EndpointDocs;
  readonly handle: (call: Call) => EndpointResponse | Promise<EndpointResponse>;
}

interface EndpointBody {
  readonly reader: BodyReader;
  readonly schema?: Joi.Schema;
}

/** An endpoint with the types of its path parameters, query and body. */
interface TypedEndpoint<Path extends string, Query, Body> extends Omit<
  Endpoint,
  'path' | 'resource' | 'query' | 'body' | 'handle'
> {
  readonly path: Path;
  readonly resource?: Resource<ParamNames<Path>>;
  readonly query?: Query;
  readonly body?: Body;
  readonly handle: (
    call: Call<PathParams<Path>, QueryOf<Query>, BodyOf<Body>>,
  ) => EndpointResponse | Promise<EndpointResponse>;
}

/**
 * Declares an endpoint. The types of `call` follow from path, query schema and body: a handler cannot read anything it did not declare.
 * @returns the same object as an `Endpoint`, ready to be routed and documented
 * @example
 * endpoint({
 *   method: 'GET',
 *   path: '/api/notes/{id}',
 *   access: 'notes:read',
 *   query: Joi.object<{ lines: number }, true>({ lines: Joi.number().default(60) }),
 *   docs,
 *   handle: ({ params, query }) => ({ body: notes.read(params.id, query.lines) }),
 * });
 */
export function endpoint<
  Path extends string,
  Query extends Joi.ObjectSchema | undefined = undefined,
  Body extends EndpointBody | undefined = undefined,
>(typed: TypedEndpoint<Path, Query, Body>): Endpoint {
  // Safe: the router calls the handler only with values that this path, schema and reader accepted.
  return typed as Endpoint;
}

/** Documentation of an endpoint. A schema with a `title` becomes an OpenAPI component of that name, so a title must denote one schema. */
export interface EndpointDocs {
  /** The OpenAPI `operationId`, from which generators name the method: verb and noun, such as `listModels`. */
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** Example values of the path parameters. Default: those of an existing model. */
  readonly params?: Readonly<Record<string, string>>;
  /** Request headers that the endpoint reads, beyond those of every request. */
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: object }>>;
  /** Statuses beyond those implied by method, access and body. Give a schema if the body is not an error. */
  readonly statuses: Readonly<Record<number, string | { readonly text: string; readonly schema: object }>>;
  /** JSON Schema, media type and an example of the 200 response. */
  readonly answer?: {
    readonly schema: object;
    readonly example?: unknown;
    readonly mediaType?: string;
    /** Forms as text, by media type. */
    readonly texts?: Readonly<Record<string, TextDocs>>;
    /** JSON Schemas of further media types. */
    readonly others?: Readonly<Record<string, object>>;
  };
  /** Example request bodies by name, and a JSON Schema if the endpoint has no Joi schema. */
  readonly body?: {
    readonly examples: Readonly<Record<string, unknown>>;
    /** Path of a file to send as the example. */
    readonly file?: string;
    readonly schema?: object;
    /** Forms as text, by media type. */
    readonly texts?: Readonly<Record<string, TextDocs>>;
    /** JSON Schemas of media types whose content differs from `schema`. */
    readonly others?: Readonly<Record<string, object>>;
  };
}

/** A form of a body as text. */
export interface TextDocs {
  readonly description: string;
  readonly example: string;
}
