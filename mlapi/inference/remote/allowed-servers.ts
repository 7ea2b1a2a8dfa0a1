import { Problem } from '../../http/problem.ts';
import type { RemoteReference } from '../types.ts';

/**
 * The base URL of the server that a contract names, if it is one of the operator's. Nothing is resolved, and nobody is called.
 * @throws {Problem} 422 `remote_not_allowed`
 */
export function allowedServer({ url }: RemoteReference, servers: readonly string[] = []): string {
  const wanted = baseUrl(url);
  if (wanted === undefined || !servers.some((server) => baseUrl(server) === wanted))
    throw new Problem(422, 'remote_not_allowed', 'The contract names a server that the operator has not allowed.');
  return wanted;
}

/** One spelling of each: without the scheme's own port, and without a slash at the end. Undefined for what is no base URL. */
function baseUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^?#\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, username, password } = new URL(text);
  return username === '' && password === '' ? origin + pathname.replace(/\/+$/, '') : undefined;
}
