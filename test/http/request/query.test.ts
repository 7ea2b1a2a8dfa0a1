import { describe, expect, test } from '@jest/globals';
import Joi from 'joi';
import { readQuery } from '../../../mlapi/http/request/query.ts';

const schema = Joi.object({
  limit: Joi.number().integer().min(1).max(100).default(20),
  scores: Joi.boolean(),
});

describe('readQuery', () => {
  test.each([
    ['a name twice', '/x?limit=1&limit=2'],
    ['a name twice, once escaped', '/x?limit=1&l%69mit=2'],
    ['an array', '/x?limit[]=1'],
    ['an object', '/x?limit[a]=1'],
    ['an unknown name', '/x?limits=1'],
    ['another case', '/x?Limit=1'],
    ['a name in the prototype', '/x?__proto__=1'],
    ['a path into the prototype', '/x?__proto__[limit]=1'],
    ['constructor', '/x?constructor=1'],
    ['an empty name', '/x?=1'],
    ['a name without a value', '/x?limit'],
    ['a value out of range', '/x?limit=101'],
    ['a value of another type', '/x?limit=ten'],
    ['a list', '/x?limit=1,2'],
    ['an incomplete escape', '/x?limit=%'],
    ['10,000 names', `/x?${Array.from({ length: 10_000 }, (_, at) => `a${at}=1`).join('&')}`],
  ])('400: %s', (_name, url) => {
    expect(() => readQuery(url, schema)).toThrow(expect.objectContaining({ status: 400, code: 'invalid_query' }));
  });

  test.each([
    ['/x', {}],
    ['/x?', {}],
    ['/x?limit=5', { limit: 5 }],
    ['/x?scores=true&limit=5', { scores: true, limit: 5 }],
  ])('%s is parsed by its schema', (url, expected) => {
    expect(readQuery(url, schema)).toMatchObject(expected);
  });

  test('400: a path without query parameters accepts none', () => {
    expect(() => readQuery('/x?a=1', undefined)).toThrow(expect.objectContaining({ code: 'invalid_query' }));
    expect(readQuery('/x?', undefined)).toEqual({});
  });
});
