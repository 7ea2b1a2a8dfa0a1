import { expect } from '@jest/globals';
import { ask } from './ask.ts';
import type { TestService } from './service.ts';

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
