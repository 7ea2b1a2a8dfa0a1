import { url, variable, type VariableGroup } from '../config/variable.ts';

export interface PostgresConfig {
  /** PostgreSQL; undefined for SQLite in the data directory. It may hold a password. */
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
