import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { normaliseBaseUrl } from './base-url.ts';

/** The token that another server expects from its callers. */
export interface RemoteToken {
  /** As `normaliseBaseUrl` has it. */
  readonly url: string;
  readonly token: string;
}

/** @returns the text of the file that a variable names, or undefined, with a mistake that says why and never what is in it */
export function readSecretFile(name: string, file: string, root: string, mistakes: string[]): string | undefined {
  try {
    const path = resolve(root, file);
    if ((statSync(path).mode & 0o022) !== 0) mistakes.push(`${name} may be written by other users`);
    return readFileSync(path, 'utf8');
  } catch {
    mistakes.push(`${name} names a file that cannot be read`);
    return undefined;
  }
}

const maxTokenLength = 8_192;
const loopback = /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/;

/** Reads lines of a base URL and a token, with a space between; empty ones, and those that begin with #, say nothing. */
export function readRemoteTokens(text: string, servers: readonly string[], mistakes: string[]): RemoteToken[] {
  const known = new Set(servers.map(normaliseBaseUrl));
  const tokens = new Map<string, RemoteToken>();
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) continue;
    const refuse = (what: string) => mistakes.push(`MLAPI_REMOTE_TOKENS_FILE, line ${index + 1}: ${what}`);
    const [, given = '', token] = /^(\S+)[ \t]+([\x21-\x7e]+)$/.exec(words) ?? [];
    const url = normaliseBaseUrl(given);
    if (token === undefined || token.length > maxTokenLength || url === undefined)
      refuse('it must be a base URL and a token, with a space between');
    else if (!known.has(url)) refuse('its server is not in MLAPI_REMOTE_SERVERS');
    else if (tokens.has(url)) refuse('its server has a token already');
    else if (url.startsWith('http:') && !loopback.test(url))
      refuse('a token goes over https, or stays on this machine');
    else tokens.set(url, Object.freeze({ url, token }));
  }
  return [...tokens.values()];
}
