import Joi from 'joi';
import { Problem } from '../http/problem.ts';
import { pageFields, type PageQuery } from '../http/request/paging.ts';
import { pathName, pathNameRule } from '../http/request/path-names.ts';
import { dataFileName } from './scan/data-file-names.ts';
import type { AliasTarget, Share } from './types.ts';

const version = Joi.string().pattern(pathName);
const share = Joi.object<Share, true>({
  version: version.invalid(Joi.ref('...version')).required().messages({
    'any.invalid': '{{#label}} must differ from the version of the alias',
  }),
  share: Joi.number().min(0).max(1).required(),
})
  .allow(null)
  .meta({ title: 'RequestedShare' });

export const aliasSchema = Joi.object<AliasTarget, true>({
  version: version.required(),
  canary: share.default(null),
  shadow: share.default(null),
})
  .required()
  .meta({ title: 'AliasRequest' });

/** Traffic is kept for a day. */
const maxMinutes = 1_440;

export const trafficQuery = Joi.object<{ readonly minutes: number }, true>({
  minutes: Joi.number().integer().min(1).max(maxMinutes).default(60),
});

export const versionsQuery = Joi.object<PageQuery, true>(pageFields);

export const artifactQuery = Joi.object<{ readonly file: string }, true>({
  file: Joi.string().pattern(dataFileName).default('model.onnx'),
});

/** @throws {Problem} 400 `invalid_name` */
export function checkVersion(text: string): string {
  return check(text, 'version');
}

/** @throws {Problem} 400 `invalid_name` */
export function checkAlias(text: string): string {
  return check(text, 'alias');
}

/** @throws {Problem} 400 `invalid_name` */
export function checkName(text: string): string {
  return check(text, 'name');
}

function check(text: string, what: string): string {
  if (pathName.test(text)) return text;
  throw new Problem(400, 'invalid_name', `The ${what} must be ${pathNameRule}.`);
}
