import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkPreconditions, isUnchanged, type Conditions } from '../../../mlapi/http/request/conditional.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes, ask, upload } from '../../support/uploads.ts';

const tag = '"a,b"';

describe('conditions (RFC 9110 section 13)', () => {
  test.each<[string, boolean]>([
    ['*', true],
    [' * ', true],
    [tag, true],
    [`W/${tag}`, true],
    [`"x", W/"y",${tag} , "z"`, true],
    ['"x", "y"', false],
    ['"a"', false],
    ['a,b', false],
    ['', false],
  ])('If-None-Match: %s', (header, isHeld) => {
    expect(isUnchanged({ 'if-none-match': header }, tag)).toBe(isHeld);
    const put = () => checkPreconditions({ 'if-none-match': header }, tag);
    if (isHeld) expect(put).toThrow(expect.objectContaining({ status: 412 }));
    else expect(put).not.toThrow();
    expect(() => checkPreconditions({ 'if-none-match': header }, undefined)).not.toThrow();
  });

  test.each<[string, boolean]>([
    ['*', true],
    [tag, true],
    [`"x", ${tag}`, true],
    // Strong comparison: a weak tag never matches.
    [`W/${tag}`, false],
    ['"x"', false],
    ['x', false],
  ])('If-Match: %s', (header, isMet) => {
    const conditions: Conditions = { 'if-match': header };
    if (isMet) expect(() => checkPreconditions(conditions, tag)).not.toThrow();
    else expect(() => checkPreconditions(conditions, tag)).toThrow(expect.objectContaining({ status: 412 }));
    expect(() => checkPreconditions(conditions, undefined)).toThrow(expect.objectContaining({ status: 412 }));
    if (isMet) expect(isUnchanged(conditions, tag)).toBe(false);
    else expect(() => isUnchanged(conditions, tag)).toThrow(expect.objectContaining({ status: 412 }));
  });
});

describe('resources with an ETag', () => {
  let service: TestService;
  let token: string;
  beforeAll(async () => {
    service = await startService();
    token = (await service.newClient('ada', allScopes)).tokens.access_token;
    expect((await upload(service, token, ['m', '1'], { model: identityModel(1) })).status).toBe(201);
    expect((await upload(service, token, ['m', '2'], { model: identityModel(2) })).status).toBe(201);
    expect((await point('stable', '1')).status).toBe(200);
  });
  afterAll(() => service.close());

  const point = (alias: string, version: string, headers = {}) =>
    ask(service, token, ['PUT', `/api/models/m/aliases/${alias}`], { json: { version }, headers });

  test.each([
    '/.well-known/jwks.json',
    '/api/openapi.json',
    '/api/models/m/versions/1/artifact',
    '/api/models/m/aliases/stable',
  ])('304 if the tag matches If-None-Match, 412 if it fails If-Match: GET %s', async (path) => {
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
  });

  test('200 or 412: moving an alias', async () => {
    expect((await point('moved', '1', { 'if-match': '*' })).status).toBe(412);
    expect((await point('moved', '1', { 'if-none-match': '*' })).status).toBe(200);
    expect((await point('moved', '2', { 'if-match': '*' })).headers.get('etag')).toBe('"2"');
    expect((await point('moved', '1', { 'if-match': '"1", "2"' })).headers.get('etag')).toBe('"3"');
    expect((await point('moved', '2', { 'if-none-match': '"2", W/"3"' })).status).toBe(412);
    expect((await point('moved', '2', { 'if-match': 'W/"3"' })).status).toBe(412);
    const remove = (match: string) =>
      ask(service, token, ['DELETE', '/api/models/m/aliases/moved'], { headers: { 'if-match': match } });
    expect((await remove('"1"')).status).toBe(412);
    expect((await remove('*')).status).toBe(204);
  });
});
