import { isUtf8 } from 'node:buffer';
import Joi from 'joi';
import { Problem } from '../../http/problem.ts';
import { parseStrictJson } from '../../http/strict-json.ts';
import { invalidModelOutput } from '../invalid-output.ts';
import type { TensorInfo } from '../model-facts.ts';
import type { OutputTensor, RemoteReference, RunOutput } from '../types.ts';
import { jsonLengthHeader } from './infer-request.ts';
import type { RemoteAnswer } from './remote-connection.ts';
import { outputCells, type CellsOf } from './remote-datatypes.ts';

interface AnsweredTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size?: number };
  readonly data?: unknown;
}

interface Answer {
  readonly model_name?: string;
  readonly model_version?: string | null;
  readonly outputs: readonly AnsweredTensor[];
}

interface Wanted {
  readonly reference: RemoteReference;
  readonly rows: number;
  /** The one that the contract reads first. */
  readonly outputs: readonly TensorInfo[];
}

const size = Joi.number().integer().min(0);
/** What is in `data` is read element by element, with all it must be. */
const schema = Joi.object({
  model_name: Joi.string().allow(''),
  model_version: Joi.string().allow('', null),
  outputs: Joi.array()
    .items(
      Joi.object({
        name: Joi.string().required(),
        datatype: Joi.string().required(),
        shape: Joi.array().items(size).min(1).max(8).required(),
        parameters: Joi.object({ binary_data_size: size }).unknown(),
        data: Joi.any().strip(),
      }).unknown(),
    )
    .required(),
})
  .unknown()
  .required();

const bytesPerTensor = 4_096;
const lengthBytes = 4;

/** The largest answer that is read: what the outputs can be, however they are written. */
export function maxAnswerBytes({ rows, outputs }: Omit<Wanted, 'reference'>): number {
  const openSize = 4_096;
  const numberBytes = 32;
  const textBytes = 1_024;
  const bytes = outputs.map(({ datatype, shape }) => {
    const elements = shape.slice(1).reduce((product, length) => product * (length < 0 ? openSize : length), rows);
    return bytesPerTensor + elements * (datatype === 'BYTES' ? textBytes : numberBytes);
  });
  return Math.min(
    268_435_456,
    bytes.reduce((sum, one) => sum + one, 65_536),
  );
}

/** What a server computed, once all of it is what was asked for. @throws {Problem} 422 `invalid_model_output` */
export function readInferResponse({ headers, body }: RemoteAnswer, wanted: Wanted): RunOutput {
  const jsonLength = readJsonLength(headers[jsonLengthHeader], body.length);
  const answer = parse(body.subarray(0, jsonLength));
  const { error } = schema.validate(answer, { convert: false });
  if (error !== undefined) throw invalidModelOutput('its answer is none of the protocol', error);
  const { model_name: model, model_version: version, outputs } = answer as Answer;
  const { reference } = wanted;
  if ((model ?? reference.model) !== reference.model) throw invalidModelOutput('another model answered');
  if (reference.version !== undefined && (version ?? reference.version) !== reference.version)
    throw invalidModelOutput('another version answered');
  const found = readOutputs(outputs, body.subarray(jsonLength), wanted);
  const [first, ...others] = wanted.outputs.map(({ name }) => {
    const output = found.get(name);
    if (output === undefined) throw invalidModelOutput('an output is missing');
    return output;
  });
  return others.length === 0 ? first! : { ...first!, others };
}

function readJsonLength(header: string | string[] | undefined, bytes: number): number {
  if (header === undefined) return bytes;
  const length = /^\d{1,9}$/.test(String(header)) ? Number(header) : Infinity;
  if (length > bytes) throw invalidModelOutput('its answer is shorter than it says');
  return length;
}

function parse(json: Buffer): unknown {
  try {
    return parseStrictJson(json);
  } catch (cause) {
    throw invalidModelOutput('its answer is no JSON', cause instanceof Problem ? new Error(cause.code) : cause);
  }
}

function readOutputs(
  tensors: readonly AnsweredTensor[],
  binary: Buffer,
  { rows, outputs }: Wanted,
): Map<string, OutputTensor> {
  const found = new Map<string, OutputTensor>();
  let at = 0;
  for (const { name, datatype, shape, parameters, data } of tensors) {
    const info = outputs.find((output) => output.name === name);
    if (info === undefined || found.has(name)) throw invalidModelOutput('an output was not asked for');
    if (datatype !== info.datatype) throw invalidModelOutput('an output has another datatype than its model says');
    if (shape[0] !== rows) throw invalidModelOutput('an output has another number of rows');
    const count = shape.reduce((product, length) => product * length, 1);
    const cells = outputCells.get(datatype);
    const bytes = parameters?.binary_data_size;
    if (bytes === undefined) found.set(name, { data: readJsonData(data, { count, datatype, cells }), shape });
    else found.set(name, { data: readBinaryData(binary.subarray(at, at + bytes), { count, datatype, cells }), shape });
    at += bytes ?? 0;
  }
  if (at !== binary.length) throw invalidModelOutput('its binary data do not end where its outputs do');
  return found;
}

interface Expected {
  readonly count: number;
  readonly datatype: string;
  readonly cells: CellsOf | undefined;
}

function readJsonData(data: unknown, { count, datatype, cells }: Expected): OutputTensor['data'] {
  if (!Array.isArray(data) || data.length !== count) throw invalidModelOutput('its shape does not fit its data');
  const elements = data as unknown[];
  if (cells === undefined) {
    if (elements.every((element) => typeof element === 'string')) return elements;
    throw invalidModelOutput('an element is no text');
  }
  const wrong = () => invalidModelOutput(`an element is no ${datatype}`);
  if (datatype === 'BOOL') {
    if (!elements.every((element) => typeof element === 'boolean')) throw wrong();
    return Uint8Array.from(elements, Number);
  }
  if (!elements.every((element) => Number.isFinite(element))) throw wrong();
  const numbers = elements as number[];
  if (cells === Float32Array || cells === Float64Array) return cells.from(numbers);
  if (!numbers.every(Number.isSafeInteger)) throw wrong();
  const whole =
    cells === BigInt64Array || cells === BigUint64Array
      ? cells.from(numbers.map(BigInt))
      : (cells as typeof Int32Array).from(numbers);
  // What is out of range has become something else.
  if (numbers.some((number, index) => Number(whole[index]) !== number)) throw wrong();
  return whole;
}

function readBinaryData(bytes: Buffer, { count, cells }: Expected): OutputTensor['data'] {
  if (cells === undefined) return readTexts(bytes, count);
  if (bytes.length !== count * cells.BYTES_PER_ELEMENT) throw invalidModelOutput('its shape does not fit its data');
  const { buffer, byteOffset, byteLength } = bytes;
  // A copy begins where such elements may begin.
  return new cells(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}

/** Each element has its length before it. */
function readTexts(bytes: Buffer, count: number): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + lengthBytes + (at + lengthBytes <= bytes.length ? bytes.readUInt32LE(at) : Infinity);
    if (end > bytes.length) throw invalidModelOutput('its shape does not fit its data');
    const text = bytes.subarray(at + lengthBytes, end);
    if (!isUtf8(text)) throw invalidModelOutput('an element is no UTF-8');
    texts.push(text.toString());
    at = end;
  }
  if (texts.length !== count) throw invalidModelOutput('its shape does not fit its data');
  return texts;
}
