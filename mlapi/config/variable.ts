import Joi from 'joi';

/** One environment variable: what it must look like, what it is when unset, and one line of help. */
export interface Variable {
  readonly name: string;
  readonly schema: Joi.Schema;
  /** The default as the README's table prints it; empty where there is none. */
  readonly shownDefault: string;
  readonly help: string;
}

export type Environment = 'production' | 'development' | 'test';

/** What a group reads its fields with, beside the values. */
export interface Reading {
  readonly environment: Environment;
  /** The folder that relative paths begin at. */
  readonly root: string;
  /** Whether a variable is set, rightly or wrongly. */
  readonly isSet: (name: string) => boolean;
  /** Mistakes in several variables together, or in the files that they name: names and rules, never values. */
  readonly mistakes: string[];
}

/**
 * Variables of one feature, or of the core, and the fields of the configuration that they become.
 * @example
 * export const greetingVariables: VariableGroup<{ readonly greeting: string }> = {
 *   variables: [variable('MLAPI_GREETING', text, 'hello', 'what is said at the door')],
 *   read: (values) => ({ greeting: values.text('MLAPI_GREETING') }),
 * };
 */
export interface VariableGroup<Fields extends object = object> {
  /** In the order of the README's table. */
  readonly variables: readonly Variable[];
  /** Called even if some of the values are wrong, so that all mistakes are told at once: then its result is thrown away. */
  readonly read: (values: Values, reading: Reading) => Fields;
}

/** Validated values of variables. One that is unset, and has no default, or that is wrong, is not there. */
export class Values {
  readonly #byName: Readonly<Record<string, unknown>>;

  constructor(byName: Readonly<Record<string, unknown>>) {
    this.#byName = byName;
  }

  /** In the type that its schema makes of it. */
  get(name: string): unknown {
    return this.#byName[name];
  }

  optional(name: string): string | undefined {
    return this.get(name) as string | undefined;
  }

  text(name: string): string {
    return this.optional(name) ?? '';
  }

  /** NaN if it is wrong: no comparison with it adds a mistake. */
  number(name: string): number {
    return (this.get(name) as number | undefined) ?? Number.NaN;
  }

  list(name: string): readonly string[] {
    return Object.freeze((this.get(name) as string[] | undefined) ?? []);
  }
}

export const text = Joi.string().min(1).max(256);
export const integer = (min: number, max: number) => Joi.number().integer().min(min).max(max);

/** A URL of one of these schemes; it may hold a password, so that no message repeats it. */
export function url(...schemes: readonly string[]): Joi.Schema {
  const isOurs = (value: string) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value);
  return Joi.string()
    .max(4096)
    .custom(refusing(isOurs))
    .messages({ 'any.invalid': `{{#label}} must be a URL that begins with ${schemes.join(':// or ')}://` });
}

/** @param shownDefault the default as it would be written into the environment; empty where there is none */
export function variable(name: string, schema: Joi.Schema, shownDefault: string, help: string): Variable {
  return { name, schema, shownDefault, help };
}

/** A check that answers with the variable's own message. */
export function refusing(isRight: (value: string) => boolean): Joi.CustomValidator<string> {
  return (value, { error }) => (isRight(value) ? value : error('any.invalid'));
}
