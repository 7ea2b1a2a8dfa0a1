import Joi from 'joi';
import { Problem } from '../problem.ts';

const defaults = new WeakMap<Joi.ObjectSchema, Readonly<Record<string, unknown>>>();

/**
 * Parses and validates the query string: each parameter at most once, unknown ones rejected.
 * @throws {Problem} 400 `invalid_query`
 */
export function readQuery(url: string, schema: Joi.ObjectSchema | undefined): Readonly<Record<string, unknown>> {
  const start = url.indexOf('?');
  if (start === -1) return schema === undefined ? {} : defaultsOf(schema);
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(url.slice(start))) {
    if (given.has(name)) throw new Problem(400, 'invalid_query', 'A query parameter is repeated.');
    given.set(name, value);
  }
  if (schema === undefined) {
    if (given.size > 0) throw new Problem(400, 'invalid_query', 'This path accepts no query parameters.');
    return {};
  }
  const known = Object.keys((schema.describe().keys ?? {}) as object);
  if ([...given.keys()].some((name) => !known.includes(name))) {
    throw new Problem(400, 'invalid_query', `Unknown query parameter. This path accepts: ${known.join(', ')}.`);
  }
  const checked = schema.validate(Object.fromEntries(given));
  if (checked.error) throw new Problem(400, 'invalid_query', `Invalid query: ${checked.error.message}.`);
  return checked.value as Record<string, unknown>;
}

/** Returns the defaults for an absent query, cached per schema. */
function defaultsOf(schema: Joi.ObjectSchema): Readonly<Record<string, unknown>> {
  const known = defaults.get(schema) ?? (Joi.attempt({}, schema) as Readonly<Record<string, unknown>>);
  defaults.set(schema, known);
  return known;
}
