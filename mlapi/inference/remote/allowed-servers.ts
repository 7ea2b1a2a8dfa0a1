import { normaliseBaseUrl } from '../../config/base-url.ts';
import { Problem } from '../../http/problem.ts';
import type { RemoteReference } from '../contract/types.ts';
import type { RemoteConfig } from './variables.ts';

/** A server that the operator has allowed. */
export interface AllowedServer {
  /** Without a trailing slash. */
  readonly base: string;
  /** Token that the server expects in `Authorization: Bearer`. */
  readonly token: string | undefined;
}

/** Unset: none is allowed. */
export type AllowedServers = Partial<RemoteConfig>;

/**
 * Returns the server that a contract names, if the operator has allowed it. Makes no network request.
 * @throws {Problem} 422 `remote_not_allowed`
 */
export function allowedServer(
  { url }: RemoteReference,
  { remoteServers = [], remoteTokens = [] }: AllowedServers,
): AllowedServer {
  const base = normaliseBaseUrl(url);
  if (base === undefined || !remoteServers.some((server) => normaliseBaseUrl(server) === base))
    throw new Problem(422, 'remote_not_allowed', 'The contract names a server that the operator has not allowed.');
  return { base, token: remoteTokens.find((known) => known.url === base)?.token };
}
