import type { TestService } from './service.ts';

/** All model scopes except those of administrators. */
export const allScopes = ['models:read', 'models:predict', 'models:write', 'models:download'];

export interface ApiResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends a request as a client. */
export async function ask(
  service: Pick<TestService, 'url'>,
  token: string,
  [method, path]: readonly [string, string],
  init: { body?: RequestInit['body']; duplex?: 'half'; headers?: Record<string, string>; json?: unknown } = {},
): Promise<ApiResponse> {
  const { json, headers = {}, body, duplex } = init;
  const answer = await fetch(`${service.url}${path}`, {
    method,
    ...(duplex !== undefined && { duplex }),
    headers: {
      authorization: `Bearer ${token}`,
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined ? { body: JSON.stringify(json) } : body !== undefined && { body }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true;
  return {
    status: answer.status,
    headers: answer.headers,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}
