import Joi from 'joi';
import { pageFields, type PageQuery } from '../http/request/paging.ts';

/** Beginning of a model name, or an empty string. */
const namePrefix = /^(?:[a-z0-9][a-z0-9._-]{0,63})?$/;

export const predictQuery = Joi.object<PredictQuery, true>({ scores: Joi.boolean() });
export const listQuery = Joi.object<ListQuery>({
  ...pageFields,
  prefix: Joi.string().pattern(namePrefix).allow('').default(''),
  owner: Joi.valid('me'),
});

export interface PredictQuery {
  readonly scores?: boolean;
}

export interface ListQuery extends PageQuery {
  readonly prefix: string;
  readonly owner?: 'me';
}
