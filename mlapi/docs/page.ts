import { createHash } from 'node:crypto';
import type { Endpoint } from '../http/endpoint.ts';
import { curlLine, refreshLines, resetLines } from './curl.ts';
import { escapeHtml, table, textBlock } from './html.ts';
import { modelSection } from './model-section.ts';
import { pathSamples, shownModel, type PathSamples } from './shown-model.ts';
import { style } from './style.ts';
import { serviceName } from '../version.ts';

const styleDigest = createHash('sha256').update(style).digest('base64');

/** Allows the page its own style and nothing else. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleDigest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/**
 * Renders the endpoints as an HTML page, without scripts or external assets. All samples are real.
 * @param host URL of the service
 */
export function docsPage(endpoints: readonly Endpoint[], version: string, host: string): string {
  const tags = [...new Set(endpoints.map(({ docs }) => docs.tag))];
  const model = shownModel(endpoints);
  const samples = pathSamples(endpoints);
  const sections = tags.map((tag) => {
    const articles = endpoints.filter(({ docs }) => docs.tag === tag).map((each) => article(each, samples));
    return `<section><h2 id="${escapeHtml(tag)}">${escapeHtml(heading(tag))}</h2>${articles.join('')}</section>`;
  });
  const anchors = [
    ['start', 'Start'],
    ...(model === undefined ? [] : [['model', 'Model']]),
    ...tags.map((tag) => [tag, heading(tag)]),
    ['errors', 'Errors'],
  ].map(([id = '', text = '']) => `<a href="#${escapeHtml(id)}">${escapeHtml(text)}</a>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${serviceName}</title><style>${style}</style></head>
<body>
<header><h1>${serviceName} <small>${escapeHtml(version)}</small></h1>
<p>Serve predictions from machine-learning models, behind token authentication. For programs: <a href="/api/openapi.json">OpenAPI 3.1</a>.</p>
<nav aria-label="Sections">${anchors.join('')}</nav></header>
<main>
${startSection(endpoints, samples, host)}
${model === undefined ? '' : modelSection(model)}
${sections.join('\n')}
${errorsSection}
</main>
</body>
</html>
`;
}

function heading(tag: string): string {
  return tag.charAt(0).toUpperCase() + tag.slice(1);
}

function startSection(endpoints: readonly Endpoint[], samples: PathSamples, host: string): string {
  const predict = endpoints.find(({ path }) => path === '/api/models/{name}/predict');
  return `<section><h2 id="start">Start</h2>
<p>Get tokens. The password works only once. Save the latest refresh token: you need it to get the next one.</p>
${textBlock('Get tokens', resetLines(host))}
${predict === undefined ? '' : `<p>Predict.</p>${textBlock('Predict', curlLine(predict, samples))}`}
<p>Before the access token expires, exchange the refresh token for a new pair. Each refresh token works once;
using it again revokes all tokens that came from the same reset.</p>
${textBlock('Refresh', refreshLines)}
</section>`;
}

function article(endpoint: Endpoint, samples: PathSamples): string {
  const { method, path, access, docs } = endpoint;
  const statuses = Object.entries(docs.statuses).map(([status, about]) => [
    status,
    escapeHtml(typeof about === 'string' ? about : about.text),
  ]);
  const answer = docs.answer?.example;
  return `<details><summary><span class="method">${method}</span><code>${escapeHtml(path)}</code><span>${escapeHtml(docs.summary)}</span><span class="access">${escapeHtml(access)}</span></summary>
<div class="inside"><h3>Try it</h3>${textBlock(`Try ${method} ${path}`, curlLine(endpoint, samples))}
${answer === undefined ? '' : `<h3>Response</h3>${textBlock(`Response of ${method} ${path}`, JSON.stringify(answer, null, 2))}`}
${statuses.length === 0 ? '' : `<h3>Other statuses</h3>${table(['Status', 'Meaning'], statuses)}`}</div></details>`;
}

const errorsSection = `<section><h2 id="errors">Errors</h2>
<p>Under <code>/api</code> errors are <code>application/problem+json</code> (RFC 9457) with a stable <code>code</code>; for an invalid row,
<code>errors</code> names row and feature, such as <code>/3/protocol_type</code>. Under <code>/auth</code> they are
<code>{"error", "error_description"}</code> (RFC 6749). Every response has an <code>X-Request-Id</code>.</p>
${table(
  ['Status', 'What to do'],
  [
    ['400', 'Fix the request; <code>errors</code> says where.'],
    ['401', 'Refresh the tokens and retry once. If the refresh fails too, ask the operator for a new password.'],
    ['403', 'The token lacks the scope shown next to the path.'],
    ['413', 'Send fewer rows.'],
    ['429, 503', 'Wait for the time in <code>Retry-After</code>, then retry.'],
  ],
)}</section>`;
