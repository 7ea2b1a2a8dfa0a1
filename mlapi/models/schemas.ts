import Joi from 'joi';
import { modelNotFound, Problem } from '../http/problem.ts';

/** Names of models, versions and aliases: they are used in paths, on every file system, and compared byte for byte. */
const name = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

const version = Joi.string().pattern(name);
const share = Joi.object({
  version: version.invalid(Joi.ref('...version')).required().messages({
    'any.invalid': '{{#label}} must be another version than the one beside it',
  }),
  share: Joi.number().min(0).max(1).required(),
}).allow(null);

export const aliasSchema = Joi.object({
  version: version.required(),
  canary: share.default(null),
  shadow: share.default(null),
}).required();

/** As far back as it is kept. */
const mostMinutes = 1_440;

export const trafficQuery = Joi.object({ minutes: Joi.number().integer().min(1).max(mostMinutes).default(60) });

export const versionsQuery = Joi.object({
  limit: Joi.number().integer().min(1).max(100).default(20),
  after: Joi.string().pattern(name).default(''),
});

export interface VersionsQuery {
  readonly limit: number;
  readonly after: string;
}

/** @throws {Problem} 400 `invalid_name` */
export function checkVersion(text: string | undefined): string {
  return check(text, 'version');
}

/** @throws {Problem} 400 `invalid_name` */
export function checkAlias(text: string | undefined): string {
  return check(text, 'alias');
}

/** @throws {Problem} 400 `invalid_name` */
export function checkName(text: string | undefined): string {
  return check(text, 'name');
}

function check(text: string | undefined, what: string): string {
  if (text === undefined) throw modelNotFound();
  if (name.test(text)) return text;
  const rule = '1 to 64 lower-case letters and digits, with ".", "_" and "-" between them';
  throw new Problem(400, 'invalid_name', `The ${what} must be ${rule}.`);
}
