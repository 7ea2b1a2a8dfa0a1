import type { Endpoint } from '../http/endpoint.ts';
import { openApiDocument } from './openapi.ts';
import { docsPage, pagePolicy } from './page.ts';

/** The documents of a list of endpoints, and of themselves. Made once: they do not change while the service runs. */
export function docsEndpoints(described: readonly Endpoint[], version: string): Endpoint[] {
  const own: Endpoint[] = [
    {
      method: 'GET',
      path: '/api/docs',
      access: 'public',
      docs: {
        tag: 'documents',
        summary: 'This description as a page',
        statuses: {},
        answer: { schema: { type: 'string' }, mediaType: 'text/html' },
      },
      handle: () => ({
        headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy },
        body: page,
      }),
    },
    {
      method: 'GET',
      path: '/api/openapi.json',
      access: 'public',
      docs: {
        tag: 'documents',
        summary: 'This description in OpenAPI 3.1',
        statuses: {},
        answer: { schema: { type: 'object' } },
      },
      handle: () => ({ headers: { 'content-type': 'application/json' }, body: document }),
    },
  ];
  const all = [...described, ...own];
  const page = Buffer.from(docsPage(all, version));
  const document = Buffer.from(JSON.stringify(openApiDocument(all, version)));
  return own;
}
