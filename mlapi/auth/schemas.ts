import Joi from 'joi';
import { isAcceptablePassword } from './passwords.ts';

const scope = Joi.string().min(1).max(1_024);

export const resetSchema = Joi.object({
  username: Joi.string().min(1).max(256).required(),
  password: Joi.string()
    .min(1)
    .max(1_024)
    .required()
    .custom((value: string, helpers) =>
      isAcceptablePassword(value) ? value : helpers.error('string.max', { limit: 1_024 }),
    ),
  scope,
})
  .required()
  .meta({ title: 'ResetRequest' });

export const refreshSchema = Joi.object({ scope }).required().meta({ title: 'RefreshRequest' });

/** RFC 7009: the hint may be wrong, and is only a hint. */
export const revokeSchema = Joi.object({
  token: Joi.string().min(1).max(8_192).required(),
  token_type_hint: Joi.string().max(64).allow(''),
})
  .required()
  .meta({ title: 'RevokeRequest' });
