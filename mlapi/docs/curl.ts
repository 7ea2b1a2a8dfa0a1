import type { Endpoint } from '../http/endpoint.ts';
import type { PathSamples } from './shown-model.ts';

const readTokens = `TOKEN=$(echo "$ANSWER" | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
REFRESH_TOKEN=$(echo "$ANSWER" | sed 's/.*"refresh_token":"\\([^"]*\\)".*/\\1/')`;

/** Sets the variables that the other lines use. */
export const resetLines = `HOST=http://127.0.0.1:8080
PASSWORD='the password of the client'
ANSWER=$(curl -s "$HOST/auth/reset" -d username=demo --data-urlencode "password=$PASSWORD")
${readTokens}`;

/** Sets both tokens to their successors. */
export const refreshLines = `ANSWER=$(curl -s -X POST "$HOST/auth/refresh" -H "Authorization: Bearer $REFRESH_TOKEN")
${readTokens}`;

/** A command to paste; `$HOST` is where the service is, `$TOKEN` an access token, `$REFRESH_TOKEN` a refresh token. */
export function curlLine({ method, path, access, docs }: Endpoint, samples: PathSamples): string {
  const target = path.replace(/\{(\w+)\}/g, (whole, name: string) => samples[name] ?? whole);
  const parts = [`curl -s "$HOST${target}"`];
  if (access !== 'public')
    parts.push(`-H "Authorization: Bearer $${access === 'refresh token' ? 'REFRESH_TOKEN' : 'TOKEN'}"`);
  const body = docs.isBodyOptional === true ? undefined : bodyOptions(docs.body);
  if (body !== undefined) parts.push(...body);
  else if (method === 'POST') parts.push('-X POST');
  return parts.join(' \\\n  ');
}

/** The first example that the endpoint documents, as options of curl. */
function bodyOptions(body: Endpoint['docs']['body'] = {}): string[] | undefined {
  for (const [mediaType, { examples = {} }] of Object.entries(body)) {
    const [example] = Object.values(examples);
    if (example === undefined) continue;
    const isForm = mediaType === 'application/x-www-form-urlencoded';
    const data = isForm ? new URLSearchParams(example as Record<string, string>).toString() : spaced(example);
    return [`-H 'Content-Type: ${mediaType}'`, `-d '${data.replaceAll("'", "'\\''")}'`];
  }
  return undefined;
}

/** JSON on one line that can be wrapped. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/\n */g, ' ');
}
