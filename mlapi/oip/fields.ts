import { parseStrictJson } from '../http/body/strict-json.ts';
import { invalidInference } from '../inference/problems.ts';

/** An object of a request, its fields still unchecked. */
export type Fields = Readonly<Record<string, unknown>>;

const maxText = 256;

/** The fields of an object, all of them known. */
export function fieldsOf(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidInference(where, where === '' ? 'The request must be an object' : 'it must be an object');
  if (Object.keys(value).some((name) => !known.includes(name)))
    throw invalidInference(where, `${where === '' ? 'Its' : 'its'} fields are ${known.join(', ')}`);
  return value as Fields;
}

/** The fields of a command, whose body may be left out. */
export function readCommand(body: Buffer, known: readonly string[]): Fields {
  return body.length === 0 ? {} : fieldsOf(parseStrictJson(body), '', known);
}

/** The object's `parameters`: they are open, and those that are not known here ask for nothing. */
export function parametersOf({ parameters }: Fields, where: string): Fields {
  if (!isGiven(parameters)) return {};
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw invalidInference(where === '' ? 'parameters' : `${where}.parameters`, 'they must be an object');
  return parameters as Fields;
}

/** Text that may be left out. */
export function readText(value: unknown, where: string): string | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== 'string' || value.length > maxText)
    throw invalidInference(where, `it must be text of up to ${maxText} characters`);
  return value;
}

/** True or false, or left out. */
export function readFlag(value: unknown, where: string): boolean | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== 'boolean') throw invalidInference(where, 'it must be true or false');
  return value;
}

/** Whether it is a whole number that is not negative. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Some clients write null for what they leave out. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
