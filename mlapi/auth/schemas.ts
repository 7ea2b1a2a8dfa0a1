import Joi from 'joi';
import { isAcceptablePassword } from './clients/passwords.ts';
import type { ClientFields } from './clients/presented-client.ts';

const scope = Joi.string().min(1).max(1_024);

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly scope?: string;
}

export const resetSchema = Joi.object<Credentials, true>({
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

export const refreshSchema = Joi.object<{ readonly scope?: string }, true>({ scope })
  .required()
  .meta({ title: 'RefreshRequest' });

const token = Joi.string().min(1).max(8_192);
/** RFC 6749 section 3.2: treat parameters without a value as absent, and ignore unknown ones. */
const clientFields = { client_id: Joi.string().max(256).empty(''), client_secret: Joi.string().max(1_024).empty('') };
const oauthForm = <Form extends ClientFields>(fields: Joi.StrictSchemaMap<Omit<Form, keyof ClientFields>>) =>
  Joi.object<Form>({ ...fields, ...clientFields })
    .with('client_secret', 'client_id')
    .unknown()
    .required();

export interface TokenForm extends ClientFields {
  readonly grant_type: string;
  readonly scope?: string;
  readonly refresh_token?: string;
}

export const tokenSchema = oauthForm<TokenForm>({
  grant_type: Joi.string().max(256).empty('').required(),
  refresh_token: token.empty(''),
  scope: scope.empty(''),
}).meta({ title: 'TokenRequest' });

interface RevocationForm extends ClientFields {
  readonly token: string;
  readonly token_type_hint?: string;
}

/** RFC 7009 section 2.1: the hint may be wrong. */
export const revokeSchema = oauthForm<RevocationForm>({
  token: token.required(),
  token_type_hint: Joi.string().max(64).allow(''),
}).meta({ title: 'RevokeRequest' });
