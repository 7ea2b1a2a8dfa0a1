import Joi from 'joi';
import { isAcceptablePassword } from './clients/passwords.ts';

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

const token = Joi.string().min(1).max(8_192);
/** RFC 6749 section 3.2: a parameter without a value counts as left out, and an unknown one is ignored. */
const clientFields = { client_id: Joi.string().max(256).empty(''), client_secret: Joi.string().max(1_024).empty('') };
const oauthForm = (fields: Joi.SchemaMap) =>
  Joi.object({ ...fields, ...clientFields })
    .with('client_secret', 'client_id')
    .unknown()
    .required();

export const tokenSchema = oauthForm({
  grant_type: Joi.string().max(256).empty('').required(),
  refresh_token: token.empty(''),
  scope: scope.empty(''),
}).meta({ title: 'TokenRequest' });

/** RFC 7009: the hint may be wrong, and is only a hint. */
export const revokeSchema = oauthForm({
  token: token.required(),
  token_type_hint: Joi.string().max(64).allow(''),
}).meta({ title: 'RevokeRequest' });
