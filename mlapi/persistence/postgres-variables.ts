import { url, variable, type VariableGroup } from '../config/variable.ts';

export interface PostgresConfig {
  /** URL of PostgreSQL; undefined for SQLite in the data directory. May contain a password. */
  readonly databaseUrl: string | undefined;
}

export const postgresVariables: VariableGroup<PostgresConfig> = {
  variables: [
    variable(
      'MLAPI_DATABASE_URL',
      url('postgres', 'postgresql'),
      '',
      '`postgres://...` when several machines serve; unset: SQLite in the data dir',
    ),
  ],
  read: (values) => ({ databaseUrl: values.optional('MLAPI_DATABASE_URL') }),
};
