import { parseStrictJson } from '../http/body/strict-json.ts';
import { invalidInference } from '../inference/problems.ts';

/** An object of a request with unchecked fields. */
export type Fields = Readonly<Record<string, unknown>>;

const maxText = 256;

/** Returns the object if it has no unknown fields. @throws {Problem} 400 `invalid_inference` */
export function fieldsOf(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidInference(where, where === '' ? 'The request must be an object' : 'it must be an object');
  if (Object.keys(value).some((name) => !known.includes(name)))
    throw invalidInference(where, `${where === '' ? 'Unknown' : 'unknown'} field; supported: ${known.join(', ')}`);
  return value as Fields;
}

/** Reads the fields of a command, whose body is optional. */
export function readCommand(body: Buffer, known: readonly string[]): Fields {
  return body.length === 0 ? {} : fieldsOf(parseStrictJson(body), '', known);
}

/** Returns the object's `parameters`. Unknown parameters are ignored, as the protocol allows. */
export function parametersOf({ parameters }: Fields, where: string): Fields {
  if (!isGiven(parameters)) return {};
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw invalidInference(where === '' ? 'parameters' : `${where}.parameters`, 'it must be an object');
  return parameters as Fields;
}

/** Reads optional text. */
export function readText(value: unknown, where: string): string | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== 'string' || value.length > maxText)
    throw invalidInference(where, `it must be text of up to ${maxText} characters`);
  return value;
}

/** Reads an optional boolean. */
export function readFlag(value: unknown, where: string): boolean | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== 'boolean') throw invalidInference(where, 'it must be true or false');
  return value;
}

/** Whether the value is a non-negative safe integer. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Some clients send null instead of leaving a field out. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
