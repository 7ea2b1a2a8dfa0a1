import type { Call, Endpoint } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
import { tokenRequired } from '../problem.ts';
import { readAddress } from '../request/client-address.ts';
import { readQuery } from '../request/query.ts';
import { validate } from '../request/validate.ts';
import { send } from '../response/send.ts';
import type { Session } from '../session.ts';

/**
 * Refuses a session that lacks the endpoint's scope for the resource that the path names.
 * @throws {Problem} 403, or what the endpoint hides the resource behind
 */
export type Authorize = (
  session: Session | undefined,
  endpoint: Pick<Endpoint, 'access' | 'resource'>,
  call: Pick<Call<Readonly<Record<string, string>>>, 'address' | 'requestId' | 'params'>,
) => void | Promise<void>;

/** Where nobody can say who calls, only public endpoints answer. */
export const publicOnly: Authorize = (_session, { access }) => {
  if (access !== 'public') throw tokenRequired();
};

/** Serves a request that has come to its endpoint: scope, query and body are checked, in this order; then it is handled. */
export async function handle(
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
