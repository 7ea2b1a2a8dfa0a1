import { createHash } from 'node:crypto';
import type { Endpoint } from '../http/endpoint.ts';

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 5rem; }
h1 { margin-bottom: .25rem; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
article { margin: 1rem 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
summary { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; padding: .6rem 1rem; cursor: pointer; }
summary:hover, summary:focus-visible { background: var(--soft); }
summary code { font-size: 1rem; font-weight: 600; } summary span { opacity: .8; }
.method { min-width: 3.2rem; font-weight: 700; } .access { margin-left: auto; font-size: .85rem; }
.inside { padding: 0 1rem 1rem; }
pre { overflow-x: auto; background: var(--soft); padding: .75rem 1rem; border-radius: .4rem; font-size: .85rem; max-height: 24rem; }
table { border-collapse: collapse; } td { padding: .15rem 1.5rem .15rem 0; vertical-align: top; }
`;

/** Allows this page its own style and nothing else. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The endpoints as a page for people: no script, no outside asset, every sample a real one. */
export function docsPage(endpoints: readonly Endpoint[], version: string): string {
  const tags = [...new Set(endpoints.map(({ docs }) => docs.tag))];
  const sections = tags.map((tag) => {
    const articles = endpoints.filter(({ docs }) => docs.tag === tag).map(article);
    return `<section><h2>${escapeHtml(tag)}</h2>${articles.join('')}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>mlapi</title><style>${style}</style></head>
<body>
<h1>mlapi ${escapeHtml(version)}</h1>
<p>Take tokens from <code>POST /auth/reset</code>, send the access token as <code>Authorization: Bearer ...</code>, and rotate with
<code>POST /auth/refresh</code> before it expires. The same in OpenAPI 3.1: <a href="/api/openapi.json">/api/openapi.json</a>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function article(endpoint: Endpoint): string {
  const { method, path, access, docs } = endpoint;
  const statuses = Object.entries(docs.statuses).map(
    ([status, text]) => `<tr><td>${status}</td><td>${escapeHtml(text)}</td></tr>`,
  );
  const answer = docs.answer?.example;
  return `<article><details><summary><span class="method">${method}</span><code>${escapeHtml(path)}</code><span>${escapeHtml(docs.summary)}</span><span class="access">${escapeHtml(access)}</span></summary>
<div class="inside"><h3>Try it</h3><pre><code>${escapeHtml(curlLine(endpoint))}</code></pre>
${answer === undefined ? '' : `<h3>Answer</h3><pre><code>${escapeHtml(JSON.stringify(answer, null, 2))}</code></pre>`}
${statuses.length === 0 ? '' : `<h3>Also</h3><table>${statuses.join('')}</table>`}</div></details></article>`;
}

/** A command to paste; `$HOST` is where the service is, `$TOKEN` an access token, `$REFRESH_TOKEN` a refresh token. */
function curlLine({ method, path, access, docs }: Endpoint): string {
  const parts = [`curl -s "$HOST${path}"`];
  if (access !== 'public')
    parts.push(`-H "Authorization: Bearer $${access === 'refresh token' ? 'REFRESH_TOKEN' : 'TOKEN'}"`);
  const [body] = Object.entries(docs.body ?? {});
  const example = Object.values(body?.[1].examples ?? {})[0];
  if (method === 'POST' && example === undefined) parts.push('-X POST');
  if (body !== undefined && example !== undefined) {
    const [mediaType] = body;
    const isForm = mediaType === 'application/x-www-form-urlencoded';
    const data = isForm
      ? new URLSearchParams(example as Record<string, string>).toString()
      : JSON.stringify(example);
    parts.push(`-H 'Content-Type: ${mediaType}'`, `-d '${data.replaceAll("'", "'\\''")}'`);
  }
  return parts.join(' \\\n  ');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
