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
    detail: { type: 'string', description: 'what is wrong, for people' },
    instance: { type: 'string', description: 'the path of the request' },
    code: { type: 'string', description: 'what is wrong, for programs: stable' },
    request_id: text,
    errors: {
      type: 'array',
      maxItems: 20,
      items: {
        title: 'InputError',
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string', description: 'RFC 6901, into the request body' }, detail: text },
      },
    },
  },
};
const usualShape = { mediaType: 'application/problem+json', schema: problem };

/** The statuses that follow from method, access and body, and those of the endpoint's own. */
export function errorsOf({ access, body, query, docs, path }: Endpoint): Endpoint['docs']['statuses'] {
  const isLimited = body !== undefined || access !== 'public' || path.startsWith('/auth/');
  return {
    400: query === undefined && body === undefined ? 'The request is malformed' : 'A mistake in the request',
    ...(access !== 'public' && { 401: 'No valid token' }),
    ...(access.includes(':') && { 403: 'The token lacks the scope' }),
    ...(path.includes('{name}') && { 404: 'No such model, or none that this token is for' }),
    ...(body !== undefined && { 413: 'The body is too large', 415: 'The body is of another media type' }),
    ...(isLimited && { 429: 'Too many requests', 503: 'Busy; try again' }),
    500: 'The service failed',
    ...docs.statuses,
  };
}

/** @returns the content of an error, by its media type */
export function errorContent(path: string, errorShapes: readonly ErrorShape[]): object {
  const { mediaType, schema } = shapeOf(errorShapes, path) ?? usualShape;
  return { [mediaType]: { schema } };
}
