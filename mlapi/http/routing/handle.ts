import { isIP } from 'node:net';
import { pipeline } from 'node:stream';
import { sendChunks } from '../response/chunks.ts';
import type { Answer, Call, Endpoint, Session } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
import { Problem } from '../problem.ts';
import { readQuery } from '../request/query.ts';
import { validate } from '../request/validate.ts';

/**
 * Refuses a session that lacks what the endpoint asks for, for the model that the path names.
 * @throws {Problem} 403; 404 for a model that is none of its own
 */
export type Authorize = (
  session: Session | undefined,
  endpoint: Pick<Endpoint, 'access' | 'isFiltered'>,
  call: Pick<Call, 'address' | 'requestId' | 'params'>,
) => void | Promise<void>;

/** Where nobody can say who calls, only public endpoints answer. */
export const publicOnly: Authorize = (_session, { access }) => {
  if (access !== 'public') throw new Problem(401, 'invalid_token', 'A valid bearer token is required.');
};

/** Serves a request that has come to its endpoint: scope, query and body are checked, in this order; then it is handled. */
export async function perform(
  endpoint: Endpoint,
  exchange: Exchange,
  { params, authorize }: { params: Readonly<Record<string, string>>; authorize: Authorize },
): Promise<void> {
  exchange.route = endpoint.path;
  const { session, id: requestId } = exchange;
  const address = readAddress(exchange.address);
  const isAuthorized = authorize(session, endpoint, { address, requestId, params });
  if (isAuthorized !== undefined) await isAuthorized;
  const query = readQuery(exchange.target, endpoint.query);
  const body = endpoint.body === undefined ? undefined : await readBody(endpoint.body, exchange);
  const headers = exchange.request.headers as Record<string, string | undefined>;
  send(
    exchange,
    await endpoint.handle({ params, query, body, headers, session, address, requestId, memory: exchange }),
  );
}

function readBody({ reader, schema }: NonNullable<Endpoint['body']>, exchange: Exchange): Promise<unknown> {
  const value = reader.read(exchange);
  return schema === undefined ? value : value.then((found) => validate(schema, found));
}

/** A proxy may hand on what its client made up: only an address is taken for one. */
export function readAddress(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'unknown' : address;
}

/** Writes an answer. */
export function send(
  exchange: Exchange,
  { status = 200, headers: own, body, latin1, chunks, compression, stream }: Answer,
): void {
  const { response, headers } = exchange;
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  if (body !== undefined) headers.set('content-type', isText ? 'text/plain; charset=utf-8' : 'application/json');
  for (const name in own) headers.set(name.toLowerCase(), own[name]!);
  if (latin1 !== undefined) {
    headers.set('content-length', String(latin1.length));
    response.writeHead(status, headers.flat).end(latin1, 'latin1');
    return;
  }
  if (chunks !== undefined) {
    if (compression !== undefined) headers.set('content-encoding', compression);
    sendChunks(response.writeHead(status, headers.flat), chunks, compression);
    return;
  }
  if (stream !== undefined) {
    pipeline(stream, response.writeHead(status, headers.flat), () => undefined);
    return;
  }
  const content = isText ? body : body === undefined ? '' : JSON.stringify(body);
  const length = Buffer.byteLength(content);
  exchange.reserve(length);
  if (status !== 204 && status !== 304) headers.set('content-length', String(length));
  // Bytes are not copied: however many readers are slow, they wait for the same ones.
  response.writeHead(status, headers.flat).end(content);
}
