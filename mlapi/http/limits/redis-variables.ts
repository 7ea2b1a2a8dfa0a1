import { url, variable, type VariableGroup } from '../../config/variable.ts';

export interface RedisConfig {
  /** May contain a password. */
  readonly redisUrl: string | undefined;
}

export const redisVariables: VariableGroup<RedisConfig> = {
  variables: [
    variable(
      'MLAPI_REDIS_URL',
      url('redis', 'rediss'),
      '',
      '`redis://...`: shared rate limits when several machines serve',
    ),
  ],
  read: (values) => ({ redisUrl: values.optional('MLAPI_REDIS_URL') }),
};
