import { createHash } from 'node:crypto';
import type { CoreConfig } from '../config/core-config.ts';
import { localUrl } from '../config/base-url.ts';
import { isUnchanged } from '../http/request/conditional.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { DocumentOptions } from './openapi.ts';

/** Endpoints that document the given endpoints and themselves. The documents are built at the first request. */
export function docsEndpoints(
  described: readonly Endpoint[],
  version: string,
  config: Pick<CoreConfig, 'host' | 'port' | 'socket'>,
  contributed: DocumentOptions = {},
): Endpoint[] {
  const own: Endpoint[] = [
    endpoint({
      method: 'GET',
      path: '/api/docs',
      access: 'public',
      docs: {
        tag: 'documents',
        operationId: 'getPage',
        summary: 'This documentation as a page',
        statuses: {},
        answer: { schema: { type: 'string' }, mediaType: 'text/html' },
      },
      handle: async () => {
        const { page, pagePolicy } = await documents();
        return {
          headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy },
          body: page,
        };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/api/openapi.json',
      access: 'public',
      docs: {
        tag: 'documents',
        operationId: 'getOpenApi',
        summary: 'This documentation as OpenAPI 3.1',
        statuses: { 304: 'Unchanged' },
        answer: { schema: { type: 'object' } },
      },
      handle: async (call) => {
        const { document, etag } = await documents();
        if (isUnchanged(call.headers, etag)) return { status: 304, headers: { etag } };
        return { headers: { 'content-type': 'application/json', etag }, body: document };
      },
    }),
  ];
  let made: ReturnType<typeof makeDocuments> | undefined;
  const documents = () => (made ??= makeDocuments([...described, ...own], version, localUrl(config), contributed));
  return own;
}

async function makeDocuments(
  endpoints: readonly Endpoint[],
  version: string,
  host: string,
  contributed: DocumentOptions,
) {
  const [{ openApiDocument }, { docsPage, pagePolicy }] = await Promise.all([
    import('./openapi.ts'),
    import('./page.ts'),
  ]);
  const page = Buffer.from(docsPage(endpoints, version, host));
  const document = Buffer.from(JSON.stringify(openApiDocument(endpoints, version, contributed)));
  const etag = `"${createHash('sha256').update(document).digest('base64url')}"`;
  return { page, pagePolicy, document, etag };
}
