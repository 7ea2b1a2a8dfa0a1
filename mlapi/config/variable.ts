import Joi from 'joi';

/** One environment variable: schema, default and one line of help. */
export interface Variable {
  readonly name: string;
  readonly schema: Joi.Schema;
  /** The default as printed in the README's table; empty if there is none. */
  readonly shownDefault: string;
  readonly help: string;
}

export type Environment = 'production' | 'development' | 'test';

/** Inputs of a group besides the values of its variables. */
export interface Reading {
  readonly environment: Environment;
  /** Base folder of relative paths. */
  readonly root: string;
  /** Whether a variable is set, validly or not. */
  readonly isSet: (name: string) => boolean;
  /** Mistakes that involve several variables or the files they name: names and rules, never values. */
  readonly mistakes: string[];
}

/**
 * Variables of one feature, or of the core, and the fields of the configuration that they become.
 * @example
 * export const greetingVariables: VariableGroup<{ readonly greeting: string }> = {
 *   variables: [variable('MLAPI_GREETING', text, 'hello', 'text of the greeting')],
 *   read: (values) => ({ greeting: values.text('MLAPI_GREETING') }),
 * };
 */
export interface VariableGroup<Fields extends object = object> {
  /** In the order of the README's table. */
  readonly variables: readonly Variable[];
  /** Called even if some values are invalid, so that all mistakes are reported at once; the result is then discarded. */
  readonly read: (values: Values, reading: Reading) => Fields;
}

/** Validated values of variables. Invalid ones, and unset ones without a default, are absent. */
export class Values {
  readonly #byName: Readonly<Record<string, unknown>>;

  constructor(byName: Readonly<Record<string, unknown>>) {
    this.#byName = byName;
  }

  /** Returns the value in the type of its schema. */
  get(name: string): unknown {
    return this.#byName[name];
  }

  optional(name: string): string | undefined {
    return this.get(name) as string | undefined;
  }

  text(name: string): string {
    return this.optional(name) ?? '';
  }

  /** NaN if it is invalid, so that no comparison adds another mistake. */
  number(name: string): number {
    return (this.get(name) as number | undefined) ?? Number.NaN;
  }

  list(name: string): readonly string[] {
    return Object.freeze((this.get(name) as string[] | undefined) ?? []);
  }
}

export const text = Joi.string().min(1).max(256);
export const integer = (min: number, max: number) => Joi.number().integer().min(min).max(max);

/** A URL with one of these schemes. It may contain a password, so messages do not repeat it. */
export function url(...schemes: readonly string[]): Joi.Schema {
  const isOurs = (value: string) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value);
  return Joi.string()
    .max(4096)
    .custom(refusing(isOurs))
    .messages({ 'any.invalid': `{{#label}} must be a URL that begins with ${schemes.join(':// or ')}://` });
}

/** @param shownDefault the default as written in the environment; empty if there is none */
export function variable(name: string, schema: Joi.Schema, shownDefault: string, help: string): Variable {
  return { name, schema, shownDefault, help };
}

/** A Joi check that reports the variable's own message. */
export function refusing(isRight: (value: string) => boolean): Joi.CustomValidator<string> {
  return (value, { error }) => (isRight(value) ? value : error('any.invalid'));
}
