import Joi from 'joi';
import { nameOrNothing } from '../http/request/path-names.ts';

/** Beginning of a model name, or an empty string. */
const namePrefix = /^(?:[a-z0-9][a-z0-9._-]{0,63})?$/;

export const predictQuery = Joi.object<PredictQuery, true>({ scores: Joi.boolean() });
export const listQuery = Joi.object<ListQuery>({
  limit: Joi.number().integer().min(1).max(100).default(20),
  after: Joi.string().pattern(nameOrNothing).allow('').default(''),
  prefix: Joi.string().pattern(namePrefix).allow('').default(''),
  owner: Joi.valid('me'),
});

export interface PredictQuery {
  readonly scores?: boolean;
}

export interface ListQuery {
  readonly limit: number;
  readonly after: string;
  readonly prefix: string;
  readonly owner?: 'me';
}
