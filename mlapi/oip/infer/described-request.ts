import { parseStrictJson } from '../../http/body/strict-json.ts';
import { invalidInference } from '../../inference/problems.ts';
import { datatypes } from '../../inference/tensors/datatypes.ts';
import { readExactly } from '../../inference/tensors/exact-integers.ts';
import type { Expected } from '../../inference/tensors/json-tensor.ts';
import type { InputTensor } from '../../inference/tensors/types.ts';
import { fieldsOf, isCount, isGiven, parametersOf, readFlag, readText, type Fields } from '../fields.ts';

export interface RequestedOutput {
  readonly name: string;
  readonly isBinary: boolean | undefined;
  /** Number of highest classes to return instead of the tensor. */
  readonly classes: number | undefined;
}

/** Content of a request's JSON, not compared with the model's inputs yet. */
export interface DescribedRequest {
  readonly id: string | undefined;
  /** Whether the inputs are columns of rows for the contract, one per feature, instead of raw tensors. */
  readonly rows: boolean;
  readonly inputs: readonly DescribedInput[];
  /** The requested outputs; undefined for all. */
  readonly outputs: readonly RequestedOutput[] | undefined;
  readonly outputNames: readonly string[] | undefined;
  /** Default for outputs that do not set `binary_data`. */
  readonly isBinary: boolean;
}

export interface DescribedInput extends Omit<InputTensor, 'data'>, Expected {
  /** Size of the binary data in bytes; undefined if the data is in the JSON. */
  readonly size: number | undefined;
  /** `data` from the JSON, where long integers are rounded, and the same with long integers as strings. */
  readonly data: unknown;
  readonly exact: unknown;
}

/** The parameter with the size of an input's binary data. */
export const sizeField = 'parameters.binary_data_size';

const maxTensors = 10_000;
const maxDimensions = 8;
/** More cannot fit into a body, and products stay exact. */
const maxElements = 2 ** 31;
/** Request parameters that would change the response and are not supported. */
const unsupported = ['sequence_id', 'sequence_start', 'sequence_end'];

/** Parses the JSON of a request. @throws {Problem} 400 `invalid_inference` */
export function describeRequest(json: Buffer): DescribedRequest {
  const request = fieldsOf(parseStrictJson(json), '', ['id', 'parameters', 'inputs', 'outputs', ...ignored]);
  const exact = hasLongs(request) ? readExactly(json, request) : request;
  const parameters = parametersOf(request, '');
  for (const name of unsupported)
    if (isGiven(parameters[name]) && parameters[name] !== false && parameters[name] !== 0)
      throw invalidInference(`parameters.${name}`, 'sequences are not supported');
  const exactInputs = exact.inputs as readonly Fields[];
  const inputs = listOf(request.inputs, 'inputs').map((input, index) =>
    describeInput(input, exactInputs[index]!, `inputs[${index}]`),
  );
  if (inputs.length === 0) throw invalidInference('inputs', 'at least one input is required');
  refuseTwice(inputs, 'inputs');
  const listed = isGiven(request.outputs) ? listOf(request.outputs, 'outputs') : [];
  // The official client sends an empty list to request all outputs.
  const outputs = listed.length === 0 ? undefined : listed.map((one, index) => readOutput(one, `outputs[${index}]`));
  refuseTwice(outputs ?? [], 'outputs');
  return {
    id: readText(request.id, 'id'),
    rows: readFlag(parameters.rows, 'parameters.rows') ?? false,
    inputs,
    outputs,
    outputNames: outputs?.map(({ name }) => name),
    isBinary: readFlag(parameters.binary_data_output, 'parameters.binary_data_output') ?? false,
  };
}

function hasLongs({ inputs }: Fields): boolean {
  return (
    Array.isArray(inputs) &&
    inputs.some((input: Fields | null) => input?.datatype === 'INT64' || input?.datatype === 'UINT64')
  );
}

/** Some clients repeat the path in the body. */
const ignored = ['model_name', 'model_version'];

function describeInput(value: unknown, exact: Fields, where: string): DescribedInput {
  const input = fieldsOf(value, where, ['name', 'shape', 'datatype', 'parameters', 'data']);
  const name = readText(input.name, `${where}.name`);
  if (name === undefined) throw invalidInference(where, 'name is missing');
  const datatype = typeof input.datatype === 'string' ? input.datatype : '';
  const type = datatypes.get(datatype);
  if (type === undefined)
    throw invalidInference(`${where}.datatype`, `it must be one of ${[...datatypes.keys()].join(', ')}`);
  const shape = readShape(input.shape, `${where}.shape`);
  const count = elementsOf(shape, `${where}.shape`);
  const given = parametersOf(input, where).binary_data_size;
  const { data } = input;
  const described = { name, datatype, type, shape, count, where: `${where}.data`, data, exact: exact.data };
  if (!isGiven(given)) return { ...described, size: undefined };
  if (isGiven(data)) throw invalidInference(where, 'it has both data and binary_data_size');
  if (!isCount(given)) throw invalidInference(`${where}.${sizeField}`, 'it must be a number of bytes');
  return { ...described, size: given };
}

function readOutput(value: unknown, where: string): RequestedOutput {
  const output = fieldsOf(value, where, ['name', 'parameters']);
  const name = readText(output.name, `${where}.name`);
  if (name === undefined) throw invalidInference(where, 'name is missing');
  const parameters = parametersOf(output, where);
  const { classification } = parameters;
  // The official client sends 0 for no classification.
  if (isGiven(classification) && !isCount(classification))
    throw invalidInference(`${where}.parameters.classification`, 'it must be a number of classes');
  const isBinary = readFlag(parameters.binary_data, `${where}.parameters.binary_data`);
  return { name, isBinary, classes: isCount(classification) && classification > 0 ? classification : undefined };
}

function readShape(value: unknown, where: string): number[] {
  if (!Array.isArray(value) || value.length > maxDimensions || !value.every(isCount))
    throw invalidInference(where, `it must be a list of up to ${maxDimensions} non-negative integers`);
  return value;
}

function elementsOf(shape: readonly number[], where: string): number {
  let count = 1;
  for (const size of shape) {
    if (size > maxElements) throw invalidInference(where, 'it has more elements than a request can hold');
    count *= size;
    if (count > maxElements) throw invalidInference(where, 'it has more elements than a request can hold');
  }
  return count;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidInference(where, 'it must be a list');
  if (value.length > maxTensors) throw invalidInference(where, `it may have at most ${maxTensors} items`);
  return value;
}

function refuseTwice(tensors: readonly { readonly name: string }[], where: string): void {
  if (new Set(tensors.map(({ name }) => name)).size < tensors.length)
    throw invalidInference(where, 'a name is repeated');
}
