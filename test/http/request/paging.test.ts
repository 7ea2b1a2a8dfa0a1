import { describe, expect, test } from '@jest/globals';
import Joi from 'joi';
import { pageFields, pageOf } from '../../../mlapi/http/request/paging.ts';

const found = ['a', 'b', 'c'].map((name) => ({ name }));
const nameOf = ({ name }: { name: string }) => name;

describe('a page', () => {
  test('names the item after which the next page begins', () => {
    expect(pageOf(found, 2, nameOf)).toEqual({ items: [{ name: 'a' }, { name: 'b' }], next: 'b' });
  });

  test.each([3, 4])('is the last if no more than its limit of %d items were found', (limit) => {
    expect(pageOf(found, limit, nameOf)).toEqual({ items: found, next: null });
  });

  test('has 1 to 100 items, 20 by default', () => {
    const schema = Joi.object(pageFields);
    const check = (query: object) => schema.validate(query).error === undefined;
    expect(schema.validate({}).value).toEqual({ limit: 20, after: '' });
    expect([0, 1, 100, 101, 1.5].map((limit) => check({ limit }))).toEqual([false, true, true, false, false]);
    expect(['', 'iris', '../x'].map((after) => check({ after }))).toEqual([true, true, false]);
  });
});
