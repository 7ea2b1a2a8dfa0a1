import type { Problem } from '../http/problem.ts';
import type { ErrorShape } from '../http/response/error-shape.ts';

const oauthCodes = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_token',
  'invalid_scope',
  'insufficient_scope',
  'temporarily_unavailable',
]);

/** RFC 6749 section 5.2: a code from the standard's list, and a description in its ASCII subset. */
function oauthError({ status, code, message }: Problem): object {
  const standard = status >= 500 ? 'server_error' : 'invalid_request';
  return {
    error: oauthCodes.has(code) ? code : standard,
    error_description: message.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'"),
  };
}

const text = { type: 'string' };

/** RFC 6749, for everything under `/auth`. */
export const oauthErrorShape: ErrorShape = {
  prefix: '/auth',
  mediaType: 'application/json',
  schema: {
    title: 'OAuthError',
    type: 'object',
    description: 'RFC 6749 section 5.2',
    required: ['error', 'error_description'],
    properties: { error: text, error_description: text },
  },
  body: oauthError,
};
