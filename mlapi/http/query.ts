import type Joi from 'joi';
import { Problem } from './problem.ts';

/**
 * The query string's parameters, each at most once, and none that the endpoint does not know.
 * @throws {Problem} 400 `invalid_query`
 */
export function readQuery(url: string, schema: Joi.ObjectSchema | undefined): Record<string, unknown> {
  const start = url.indexOf('?');
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(start === -1 ? '' : url.slice(start))) {
    if (given.has(name)) throw new Problem(400, 'invalid_query', 'A query parameter is repeated.');
    given.set(name, value);
  }
  if (schema === undefined) {
    if (given.size > 0) throw new Problem(400, 'invalid_query', 'This path takes no query parameters.');
    return {};
  }
  const known = Object.keys((schema.describe().keys ?? {}) as object);
  if ([...given.keys()].some((name) => !known.includes(name))) {
    throw new Problem(400, 'invalid_query', `The query parameters of this path are: ${known.join(', ')}.`);
  }
  const checked = schema.validate(Object.fromEntries(given));
  if (checked.error) throw new Problem(400, 'invalid_query', `The query is wrong: ${checked.error.message}.`);
  return checked.value as Record<string, unknown>;
}
