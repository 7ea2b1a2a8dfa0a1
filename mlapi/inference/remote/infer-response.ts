import Joi from 'joi';
import { parseStrictJson } from '../../http/body/strict-json.ts';
import { Problem } from '../../http/problem.ts';
import type { RemoteReference } from '../contract/types.ts';
import { invalidModelOutput } from '../problems.ts';
import { readBinaryData } from '../tensors/binary-tensor.ts';
import { datatypes } from '../tensors/datatypes.ts';
import { readExactly } from '../tensors/exact-integers.ts';
import { readJsonData } from '../tensors/json-tensor.ts';
import type { OutputTensor, RunOutput, TensorInfo } from '../tensors/types.ts';
import { jsonLengthHeader } from './infer-request.ts';
import type { RemoteResponse } from './remote-connection.ts';

interface AnsweredTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size?: number };
  readonly data?: unknown;
}

interface InferResponse {
  readonly model_name?: string;
  readonly model_version?: string | null;
  readonly outputs: readonly AnsweredTensor[];
}

interface Wanted {
  readonly reference: RemoteReference;
  /** Number of rows sent; undefined if tensors were sent. */
  readonly rows: number | undefined;
  /** The requested outputs; the contract's output comes first. */
  readonly outputs: readonly TensorInfo[];
}

const size = Joi.number().integer().min(0);
/** The elements of `data` are checked while they are read. */
const schema = Joi.object({
  model_name: Joi.string().allow(''),
  model_version: Joi.string().allow('', null),
  outputs: Joi.array()
    .items(
      Joi.object({
        name: Joi.string().required(),
        datatype: Joi.string().required(),
        shape: Joi.array().items(size).max(8).required(),
        parameters: Joi.object({ binary_data_size: size }).unknown(),
        data: Joi.any().strip(),
      }).unknown(),
    )
    .required(),
})
  .unknown()
  .required();

const bytesPerTensor = 4_096;

/** Returns an upper bound for a response in bytes: the largest that the outputs can be in JSON or binary. */
export function maxResponseBytes({ rows, outputs }: Omit<Wanted, 'reference'>): number {
  const openSize = 4_096;
  const numberBytes = 32;
  const textBytes = 1_024;
  const bytes = outputs.map(({ datatype, shape }) => {
    const own = rows === undefined ? shape : [rows, ...shape.slice(1)];
    const elements = own.reduce((product, length) => product * (length < 0 ? openSize : length), 1);
    return bytesPerTensor + elements * (datatype === 'BYTES' ? textBytes : numberBytes);
  });
  return Math.min(
    67_108_864,
    bytes.reduce((sum, one) => sum + one, 65_536),
  );
}

/** Reads a server's outputs and checks that they match the request. @throws {Problem} 422 `invalid_model_output` */
export function readInferResponse({ headers, body }: RemoteResponse, wanted: Wanted): RunOutput {
  const jsonLength = readJsonLength(headers[jsonLengthHeader], body.length);
  const answer = parse(body.subarray(0, jsonLength));
  const { error } = schema.validate(answer, { convert: false });
  if (error !== undefined) throw invalidModelOutput('its response does not follow the protocol', error);
  const { model_name: model, model_version: version, outputs } = answer as InferResponse;
  const { reference } = wanted;
  if ((model ?? reference.model) !== reference.model) throw invalidModelOutput('the response names another model');
  if (reference.version !== undefined && (version ?? reference.version) !== reference.version)
    throw invalidModelOutput('the response names another version');
  const exact = readExactly(body.subarray(0, jsonLength), answer as InferResponse).outputs;
  const found = readOutputs(outputs, exact, body.subarray(jsonLength), wanted);
  const [first, ...others] = wanted.outputs.map(({ name }) => {
    const output = found.get(name);
    if (output === undefined) throw invalidModelOutput('an output is missing');
    return output;
  });
  return others.length === 0 ? first! : { ...first!, secondaryOutputs: others };
}

function readJsonLength(header: string | string[] | undefined, bytes: number): number {
  if (header === undefined) return bytes;
  const length = /^\d{1,9}$/.test(String(header)) ? Number(header) : Infinity;
  if (length > bytes) throw invalidModelOutput('its response is shorter than its header says');
  return length;
}

function parse(json: Buffer): unknown {
  try {
    return parseStrictJson(json);
  } catch (cause) {
    throw invalidModelOutput('its response is not JSON', cause instanceof Problem ? new Error(cause.code) : cause);
  }
}

function readOutputs(
  tensors: readonly AnsweredTensor[],
  exact: readonly AnsweredTensor[],
  binary: Buffer,
  { rows, outputs }: Wanted,
): Map<string, OutputTensor> {
  const wanted = new Map(outputs.map((output) => [output.name, output]));
  const found = new Map<string, OutputTensor>();
  let at = 0;
  for (const [index, { name, datatype, shape, parameters, data }] of tensors.entries()) {
    const info = wanted.get(name);
    if (info === undefined || found.has(name))
      throw invalidModelOutput('the response has an output that was not requested');
    const type = datatypes.get(datatype);
    if (type === undefined || datatype !== info.datatype)
      throw invalidModelOutput('an output has another datatype than the model metadata says');
    if (rows === undefined ? !isOfShape(shape, info) : shape[0] !== rows)
      throw invalidModelOutput(`an output has another ${rows === undefined ? 'shape' : 'number of rows'}`);
    const count = shape.reduce((product, length) => product * length, 1);
    const expected = { type, shape, count, where: `outputs[${index}].data`, takesNonFinite: true };
    const bytes = parameters?.binary_data_size;
    try {
      const cells =
        bytes === undefined
          ? readJsonData(data, exact[index]!.data, expected)
          : readBinaryData(binary.subarray(at, at + bytes), expected);
      found.set(name, { data: cells, shape });
    } catch (cause) {
      // The message contains no text of the server.
      throw invalidModelOutput(
        cause instanceof Problem ? cause.message.replace(/\.$/, '') : 'its data cannot be read',
        cause,
      );
    }
    at += bytes ?? 0;
  }
  if (at !== binary.length) throw invalidModelOutput('its binary data does not match its outputs');
  return found;
}

function isOfShape(shape: readonly number[], info: TensorInfo): boolean {
  return shape.length === info.shape.length && info.shape.every((size, at) => size === -1 || size === shape[at]);
}
