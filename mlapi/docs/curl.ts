import type { Endpoint } from '../http/endpoint.ts';
import type { PathSamples } from './shown-model.ts';

const readTokens = `TOKEN=$(echo "$ANSWER" | sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')
REFRESH_TOKEN=$(echo "$ANSWER" | sed -n 's/.*"refresh_token":"\\([^"]*\\)".*/\\1/p')`;

/** Sets the shell variables that the other commands use. @param host URL of the service */
export const resetLines = (host: string) => `HOST=${host}
PASSWORD='the password of the client'
ANSWER=$(curl -s "$HOST/auth/reset" -d username=demo --data-urlencode "password=$PASSWORD")
${readTokens}`;

/** Replaces both tokens by their successors. */
export const refreshLines = `ANSWER=$(curl -s -X POST "$HOST/auth/refresh" -H "Authorization: Bearer $REFRESH_TOKEN")
${readTokens}`;

/** Returns a command to paste. It uses `$HOST`, `$TOKEN` (access token) and `$REFRESH_TOKEN`. */
export function curlLine({ method, path, access, body, docs }: Endpoint, samples: PathSamples): string {
  const values = docs.params ?? samples;
  const target = path.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  const parts = [`curl -s "$HOST${target}"`];
  if (access !== 'public')
    parts.push(`-H "Authorization: Bearer $${access === 'refresh token' ? 'REFRESH_TOKEN' : 'TOKEN'}"`);
  const [example] = Object.values(docs.body?.examples ?? {});
  if (example !== undefined && body?.reader.mediaTypes.includes('application/json') === false) {
    for (const [name, value] of Object.entries(example as object)) parts.push(`--data-urlencode '${name}=${value}'`);
  } else if (example !== undefined && body?.reader.isOptional === false) {
    parts.push("-H 'Content-Type: application/json'", `-d '${spaced(example).replaceAll("'", "'\\''")}'`);
  } else if (docs.body?.file !== undefined) {
    parts.push("-H 'Content-Type: application/octet-stream'", `--data-binary @${docs.body.file}`);
  } else if (method === 'POST') parts.push('-X POST');
  if (method === 'PUT' || method === 'DELETE') parts.push(`-X ${method}`);
  return parts.join(' \\\n  ');
}

/** JSON on one line with spaces, so that it can wrap. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/\n */g, ' ');
}
