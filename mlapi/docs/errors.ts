import type { Endpoint } from '../http/endpoint.ts';
import { shapeOf, type ErrorShape } from '../http/response/error-shape.ts';

const text = { type: 'string' };

const problem = {
  title: 'Problem',
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: { type: 'string', description: 'description for people' },
    instance: { type: 'string', description: 'the path of the request' },
    code: { type: 'string', description: 'stable error code for programs' },
    request_id: text,
    errors: {
      type: 'array',
      maxItems: 20,
      items: {
        title: 'InputError',
        type: 'object',
        required: ['pointer', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer (RFC 6901) into the request body' },
          detail: text,
        },
      },
    },
  },
};
const usualShape = { mediaType: 'application/problem+json', schema: problem };

/** Returns the statuses implied by method, access and body, plus the endpoint's own. */
export function errorsOf({ access, body, query, docs, path }: Endpoint): Endpoint['docs']['statuses'] {
  const isLimited = body !== undefined || access !== 'public' || path.startsWith('/auth/');
  return {
    400: query === undefined && body === undefined ? 'The request is malformed' : 'The request is invalid',
    ...(access !== 'public' && { 401: 'No valid token' }),
    ...(access.includes(':') && { 403: 'The token lacks the scope' }),
    ...(path.includes('{name}') && { 404: 'No such model, or the token does not cover it' }),
    ...(body !== undefined && { 413: 'The body is too large', 415: 'Unsupported media type' }),
    ...(isLimited && { 429: 'Too many requests', 503: 'Busy; try again' }),
    500: 'Internal error',
    ...docs.statuses,
  };
}

/** Returns the content of an error response by media type. */
export function errorContent(path: string, errorShapes: readonly ErrorShape[]): object {
  const { mediaType, schema } = shapeOf(errorShapes, path) ?? usualShape;
  return { [mediaType]: { schema } };
}
