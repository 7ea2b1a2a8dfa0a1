import { coreGroup, type CoreConfig } from './config/core-config.ts';
import { readVariables } from './config/read-variables.ts';
import type { VariableGroup } from './config/variable.ts';
import { redisVariables } from './http/limits/redis-variables.ts';
import { remoteVariables } from './inference/remote/variables.ts';
import { modelStoreVariables } from './models/variables.ts';
import { postgresVariables } from './persistence/postgres-variables.ts';
import { otlpVariables } from './telemetry/otlp/variables.ts';
import { workersVariables } from './workers/variables.ts';

/** The variables of the features. Without its line and its folder, one is gone. */
const featureGroups = {
  workers: workersVariables,
  postgres: postgresVariables,
  redis: redisVariables,
  otlp: otlpVariables,
  remoteModels: remoteVariables,
  modelStore: modelStoreVariables,
};

/** Intersection of the fields of all groups in a record. */
type FieldsOf<Groups> = (
  Groups[keyof Groups] extends infer Group
    ? Group extends VariableGroup<infer Fields>
      ? (fields: Fields) => void
      : never
    : never
) extends (fields: infer All) => void
  ? All
  : never;

/** The whole configuration, validated and frozen. Foundations and features take their own part of it. */
export type Config = Readonly<CoreConfig & FieldsOf<typeof featureGroups>>;

const groups: readonly VariableGroup[] = [coreGroup, ...Object.values(featureGroups)];

/** Every variable that the server reads, in the order of the README's table. */
export const variables = groups.flatMap((group) => group.variables);

/** Reads the environment, with `.env` in `root` beneath it. @throws {ConfigError} naming every mistake. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env, root = process.cwd()): Config {
  return readVariables(groups, environment, root) as Config;
}
