import type { Endpoint } from '../endpoint.ts';
import type { Check, Exchange, Match } from '../exchange.ts';
import { tokenRequired } from '../problem.ts';
import { readAddress } from '../request/client-address.ts';
import { readQuery } from '../request/query.ts';
import { validate } from '../request/validate.ts';
import { send } from '../response/send.ts';

/** Without an authenticator, only public endpoints are served. */
export const publicOnly: Check = (_exchange, match) => {
  if (match !== undefined && match.endpoint.access !== 'public') throw tokenRequired();
};

/** Runs checks in their order. Not async: most of them are done at once. @throws {Problem} what the first that refuses throws */
export function runChecks(
  checks: readonly Check[],
  exchange: Exchange,
  match: Match | undefined,
  from = 0,
): void | Promise<void> {
  for (let index = from; index < checks.length; index += 1) {
    const passed = checks[index]!(exchange, match);
    if (passed !== undefined) return passed.then(() => runChecks(checks, exchange, match, index + 1));
  }
}

/** Serves a request that has come to its endpoint: the checks, the query and the body, in this order; then it is handled. */
export async function handle(match: Match, exchange: Exchange, checks: readonly Check[]): Promise<void> {
  const { endpoint, params } = match;
  // Also what a check refuses is counted with its route.
  exchange.route = endpoint.path;
  const passed = runChecks(checks, exchange, match);
  if (passed !== undefined) await passed;
  const query = readQuery(exchange.target, endpoint.query);
  const body = endpoint.body === undefined ? undefined : await readBody(endpoint.body, exchange);
  const headers = exchange.request.headers as Record<string, string | undefined>;
  const { session, id: requestId } = exchange;
  const address = readAddress(exchange.address);
  send(
    exchange,
    await endpoint.handle({ params, query, body, headers, session, address, requestId, memory: exchange }),
  );
}

function readBody({ reader, schema }: NonNullable<Endpoint['body']>, exchange: Exchange): Promise<unknown> {
  const value = reader.read(exchange);
  return schema === undefined ? value : value.then((found) => validate(schema, found));
}
