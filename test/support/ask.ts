import { expect } from '@jest/globals';
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

/** Requests a resource with an ETag, with each kind of condition. */
export async function expectConditions(service: Pick<TestService, 'url'>, token: string, path: string): Promise<void> {
  const get = (headers: Record<string, string>) => ask(service, token, ['GET', path], { headers });
  const first = await get({});
  const etag = first.headers.get('etag')!;
  expect([first.status, etag]).toEqual([200, expect.stringMatching(/^"[^"]+"$/)]);
  for (const list of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await get({ 'if-none-match': list });
    expect([again.status, again.headers.get('etag'), again.body]).toEqual([304, etag, { text: '' }]);
    expect(again.headers.get('cache-control')).toBe(first.headers.get('cache-control'));
  }
  expect((await get({ 'if-none-match': '"x"' })).status).toBe(200);
  expect((await get({ 'if-match': etag })).status).toBe(200);
  expect((await get({ 'if-match': '"x"' })).status).toBe(412);
}
