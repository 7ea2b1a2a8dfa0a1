import { coreGroup, type CoreConfig } from './config/core-config.ts';
import { readVariables } from './config/read-variables.ts';
import type { VariableGroup } from './config/variable.ts';
import { features } from './features.ts';
import type { Feature } from './http/feature.ts';

/** Intersection of the fields of all features in a record. */
type FieldsOf<Features> = (
  Features[keyof Features] extends infer Declared
    ? Declared extends { readonly variables: VariableGroup<infer Fields> }
      ? (fields: Fields) => void
      : never
    : never
) extends (fields: infer All) => void
  ? unknown extends All
    ? object
    : All
  : object;

/** The whole configuration, validated and frozen. Foundations and features take their own part of it. */
export type Config = Readonly<CoreConfig & FieldsOf<typeof features>>;

const groups = [coreGroup, ...Object.values<Feature>(features).flatMap((feature) => feature.variables ?? [])];

/** Every variable that the server reads, in the order of the README's table. */
export const variables = groups.flatMap((group) => group.variables);

/** Reads the environment, which overrides `.env` in `root`. @throws {ConfigError} naming every mistake */
export function readConfig(environment: NodeJS.ProcessEnv = process.env, root = process.cwd()): Config {
  return readVariables(groups, environment, root) as Config;
}
