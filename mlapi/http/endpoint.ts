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

/** The parameters of a path: `{ name: string }` for `/api/models/{name}`. A path that is known only at run time has none. */
export type PathParams<Path extends string> = Readonly<Record<ParamNames<Path>, string>>;

/** A type where nobody said one: `any` would let everything through. */
type Known<T> = 0 extends 1 & T ? unknown : T;
type QueryOf<Schema> = Schema extends Joi.ObjectSchema<infer Query> ? Known<Query> : unknown;
/** The type of a body: that of its schema, or without one, that of its reader. */
type BodyOf<Body> = Body extends { readonly schema: Joi.Schema<infer Checked> }
  ? Known<Checked>
  : Body extends { readonly reader: BodyReader<infer Read> }
    ? Read
    : undefined;

/** A request after every check: what a handler gets. Headers are as Node gives them: names in lower case, repeated ones joined. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly session: Session | undefined;
  readonly address: string;
  readonly requestId: string;
  /** Asked before an answer takes memory that its request does not bound. */
  readonly memory: ResponseMemory;
}

/** Response of a handler: an object is sent as JSON, a string or buffer as it is, undefined as an empty body. */
export interface EndpointResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** In place of a body: few bytes, each as the character of its number, which go out in one piece with the headers. */
  readonly latin1?: string;
  /** In place of a body: its pieces, each made when its turn has come. None of them may throw: the status has left by then. */
  readonly chunks?: Iterable<Chunk>;
  /** How those are compressed on their way. */
  readonly compression?: Compression | undefined;
  /** In place of a body: the bytes of a file, whose length the headers say. */
  readonly stream?: Readable;
}

/** `public`, a bearer token of one kind, or the scope that the access token must hold. */
export type Access = 'public' | 'access token' | 'refresh token' | `${string}:${string}`;

/** `filtered`: the handler itself answers only with what the session's scopes are for. Otherwise the path names it. */
export type Resource<Param extends string = string> = 'filtered' | NamedResource<Param>;

interface NamedResource<Param extends string> {
  /** The path parameter with its name. */
  readonly param: Param;
  /** The answer where the scope is held for others only: the same as for one that does not exist. */
  readonly hidden: () => Problem;
  /** How the audit trail calls that. */
  readonly event: AuditEvent;
}

/** One route, as data: what serves it, what guards it and what documents it come from the same place. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it: `/api/models/{name}`. */
  readonly path: string;
  readonly access: Access;
  /** The resource that a scope may be narrowed to. Without it, a session needs the scope for everything. */
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

/** An endpoint whose handler knows the types of its call. */
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
 * An endpoint whose handler gets its call in the types that follow from path, query schema and body: what it does not declare, it
 * cannot read.
 * @returns the same object, in the type in which it is routed, guarded and documented
 * @example
 * endpoint({
 *   method: 'GET',
 *   path: '/api/models/{name}/traffic',
 *   access: 'models:read',
 *   query: Joi.object<{ minutes: number }, true>({ minutes: Joi.number().default(60) }),
 *   docs,
 *   handle: ({ params, query }) => ({ body: traffic.read(params.name, query.minutes) }),
 * });
 */
export function endpoint<
  Path extends string,
  Query extends Joi.ObjectSchema | undefined = undefined,
  Body extends EndpointBody | undefined = undefined,
>(typed: TypedEndpoint<Path, Query, Body>): Endpoint {
  // Its handler is called only with what this very path, schema and reader have let through.
  return typed as Endpoint;
}

/** Schemas with a `title` become components of the OpenAPI document, by that name: a title stands for one schema everywhere. */
export interface EndpointDocs {
  /** The OpenAPI `operationId`, from which generators name the call: a verb and a noun, as `listModels`. */
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** Values of the path's parameters in the samples; otherwise those of a model that exists. */
  readonly params?: Readonly<Record<string, string>>;
  /** Request headers that it reads, beside those that every request may have. */
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: object }>>;
  /** Statuses beside those that follow from method, access and body; a schema where the body is no error. */
  readonly statuses: Readonly<Record<number, string | { readonly text: string; readonly schema: object }>>;
  /** JSON Schema of the answer with status 200, its media type, and a real sample. */
  readonly answer?: {
    readonly schema: object;
    readonly example?: unknown;
    readonly mediaType?: string;
    readonly csv?: CsvDocs;
    /** Other media types that it may have, and their JSON Schemas. */
    readonly others?: Readonly<Record<string, object>>;
  };
  /** Bodies to send, by name; and their JSON Schema where the endpoint has no Joi schema. */
  readonly body?: {
    readonly examples: Readonly<Record<string, unknown>>;
    /** A file to send as it is. */
    readonly file?: string;
    readonly schema?: object;
    readonly csv?: CsvDocs;
    /** JSON Schemas of the media types whose content is another than that schema's. */
    readonly others?: Readonly<Record<string, object>>;
  };
}

/** The same as CSV. */
export interface CsvDocs {
  readonly description: string;
  readonly example: string;
}
