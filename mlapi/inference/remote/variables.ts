import Joi from 'joi';
import { isBaseUrl, normaliseBaseUrl } from '../../config/base-url.ts';
import { readSecretFile } from '../../config/secret-files.ts';
import { refusing, text, variable, type Reading, type Values, type VariableGroup } from '../../config/variable.ts';

/** Bearer token for another server. */
export interface RemoteToken {
  /** Normalised by `normaliseBaseUrl`. */
  readonly url: string;
  readonly token: string;
}

export interface RemoteConfig {
  /** Base URLs of servers that models may run on. */
  readonly remoteServers: readonly string[];
  readonly remoteTokens: readonly RemoteToken[];
}

const remoteServer = text.custom(refusing(isBaseUrl)).messages({
  'any.invalid': '{{#label}} must list base URLs, http:// or https://, without user, password, query or fragment',
});

export const remoteVariables: VariableGroup<RemoteConfig> = {
  variables: [
    variable(
      'MLAPI_REMOTE_SERVERS',
      Joi.array().items(remoteServer),
      '',
      "base URLs of model servers that a model's `remote` may name; unset: none",
    ),
    variable(
      'MLAPI_REMOTE_TOKENS_FILE',
      text.max(4096),
      '',
      'file with a line `URL TOKEN` for each of those servers that wants a bearer token',
    ),
  ],
  read: (values, reading) => ({
    remoteServers: values.list('MLAPI_REMOTE_SERVERS'),
    remoteTokens: readTokensFile(values, reading),
  }),
};

function readTokensFile(values: Values, { root, mistakes }: Reading): readonly RemoteToken[] {
  const file = values.optional('MLAPI_REMOTE_TOKENS_FILE');
  const content = file === undefined ? '' : readSecretFile('MLAPI_REMOTE_TOKENS_FILE', file, root, mistakes);
  return Object.freeze(readRemoteTokens(content ?? '', values.list('MLAPI_REMOTE_SERVERS'), mistakes));
}

const maxTokenLength = 8_192;
const loopback = /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/;

/** Parses lines of a base URL and a token, separated by a space. Empty lines and lines that begin with # are ignored. */
function readRemoteTokens(content: string, servers: readonly string[], mistakes: string[]): RemoteToken[] {
  const known = new Set(servers.map(normaliseBaseUrl));
  const tokens = new Map<string, RemoteToken>();
  for (const [index, line] of content.split('\n').entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) continue;
    const refuse = (what: string) => mistakes.push(`MLAPI_REMOTE_TOKENS_FILE, line ${index + 1}: ${what}`);
    const [, given = '', token] = /^(\S+)[ \t]+([\x21-\x7e]+)$/.exec(words) ?? [];
    const url = normaliseBaseUrl(given);
    if (token === undefined || token.length > maxTokenLength || url === undefined)
      refuse('expected a base URL and a token, separated by a space');
    else if (!known.has(url)) refuse('its server is not in MLAPI_REMOTE_SERVERS');
    else if (tokens.has(url)) refuse('its server has a token already');
    else if (url.startsWith('http:') && !loopback.test(url))
      refuse('a token may only be sent over https or to this machine');
    else tokens.set(url, Object.freeze({ url, token }));
  }
  return [...tokens.values()];
}
