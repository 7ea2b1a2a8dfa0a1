import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import Joi from 'joi';
import { Values, type Environment, type Variable, type VariableGroup } from './variable.ts';

/** All mistakes in the environment: names and rules, never values. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The configuration has ${mistakes.length} mistake(s):\n${mistakes.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

const environmentSchema = Joi.valid('production', 'development', 'test').default('development');

/**
 * Reads the variables of all groups from the environment, which overrides `.env` in `root`. A `MLAPI_` variable of no group is a mistake.
 * @returns the fields of all groups, frozen
 * @throws {ConfigError} naming every mistake
 */
export function readVariables(groups: readonly VariableGroup[], given: NodeJS.ProcessEnv, root: string): object {
  const merged = { ...readEnvFile(resolve(root, '.env')), ...given };
  const mistakes: string[] = [];
  const variables = groups.flatMap((group) => group.variables);
  refuseUnknown(merged, variables, mistakes);
  const values = new Values(validateAll(merged, variables, mistakes));
  const mode = environmentSchema.validate(merged.NODE_ENV === '' ? undefined : merged.NODE_ENV);
  if (mode.error) mistakes.push('NODE_ENV must be production, development or test');
  const isSet = (name: string) => merged[name] !== undefined && merged[name] !== '';
  const reading = { environment: mode.value as Environment, root, isSet, mistakes };
  const fields = groups.map((group) => group.read(values, reading));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.freeze(Object.assign({}, ...fields) as object);
}

function readEnvFile(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

function refuseUnknown(environment: NodeJS.ProcessEnv, variables: readonly Variable[], mistakes: string[]): void {
  const known = new Set(variables.map(({ name }) => name));
  for (const name of Object.keys(environment)) {
    if (name.startsWith('MLAPI_') && !known.has(name)) mistakes.push(`${name} is not a variable of this service`);
  }
}

function validateAll(
  environment: NodeJS.ProcessEnv,
  variables: readonly Variable[],
  mistakes: string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, schema, shownDefault } of variables) {
    const given = environment[name];
    const raw = given === undefined || given === '' ? shownDefault : given;
    if (raw === '') continue;
    // Joi would accept " 8080 ", 1e3 and +80 as numbers.
    if (schema.type === 'number' && !/^(?:0|[1-9]\d*)$/.test(raw)) {
      mistakes.push(`${name} must be a whole number, in digits`);
      continue;
    }
    const input = schema.type === 'array' ? raw.split(',').map((item) => item.trim()) : raw;
    const result = schema.label(name).validate(input, { errors: { wrap: { label: false } } });
    if (result.error) mistakes.push(withoutValue(result.error, name));
    else values[name] = result.value as unknown;
  }
  return values;
}

/** Joi's message states the rule. For items of a list, the variable's name is put in front. */
function withoutValue(error: Joi.ValidationError, name: string): string {
  return error.message.startsWith(name) ? error.message : `${name}: ${error.message}`;
}
