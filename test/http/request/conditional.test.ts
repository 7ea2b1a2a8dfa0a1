import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkPreconditions, isUnchanged, type Conditions } from '../../../mlapi/http/request/conditional.ts';
import { startService, type TestService } from '../../support/service.ts';
import { expectConditions } from '../../support/conditions.ts';

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
    token = (await service.newClient()).tokens.access_token;
  });
  afterAll(() => service.close());

  test.each(['/.well-known/jwks.json', '/api/openapi.json'])(
    '304 if the tag matches If-None-Match, 412 if it fails If-Match: GET %s',
    async (path) => {
      await expectConditions(service, token, path);
    },
  );
});
