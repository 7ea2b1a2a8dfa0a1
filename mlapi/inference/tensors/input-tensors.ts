import { invalidTensors, tooManyRows } from '../problems.ts';
import type { InputData, InputTensor, Matrix, ModelMetadata, TensorInput } from './types.ts';

interface Taken {
  readonly metadata: ModelMetadata;
  /** Features of the model. */
  readonly width: number;
  readonly maxRows: number;
}

/**
 * The matrix that raw tensors are to a model of one input of rows × features; their elements stay where they are.
 * @throws {Problem} 400 `invalid_tensors`, 413 `too_many_rows`
 */
export function toMatrix(inputs: readonly InputTensor[], { metadata, width, maxRows }: Taken): Matrix {
  const { name, datatype } = metadata.inputs[0]!;
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || input.name !== name)
    throw invalidTensors(`The input of this model is "${name}", and no other`);
  if (input.datatype !== datatype) throw invalidTensors(`The input "${name}" is ${datatype}`);
  const [rows = 0, columns, ...more] = input.shape;
  if (columns !== width || more.length > 0 || rows === 0)
    throw invalidTensors(`The input "${name}" has the shape [rows, ${width}], and at least one row`);
  if (rows > maxRows) throw tooManyRows(maxRows, rows);
  return { data: input.data as InputData, rows, width };
}

/**
 * The tensors of a request to a model that takes no rows: each input once, of its datatype, with its fixed dimensions.
 * @throws {Problem} 400 `invalid_tensors`
 */
export function toTensorInput(tensors: readonly InputTensor[], { inputs }: Pick<ModelMetadata, 'inputs'>): TensorInput {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  if (given.size !== inputs.length || !inputs.every(({ name }) => given.has(name)))
    throw invalidTensors(`The inputs of this model are ${quoteNames(inputs)}, each of them once`);
  for (const { name, datatype, shape } of inputs) {
    const tensor = given.get(name)!;
    if (tensor.datatype !== datatype) throw invalidTensors(`The input "${name}" is ${datatype}`);
    const isOfShape =
      tensor.shape.length === shape.length &&
      tensor.shape.every((size, at) => size > 0 && (shape[at] === -1 || shape[at] === size));
    if (!isOfShape)
      throw invalidTensors(`The input "${name}" has the shape [${shape.join(', ')}], where -1 is any number from 1 on`);
    // The runtime would end the text there, and say nothing.
    if (datatype === 'BYTES' && (tensor.data as readonly string[]).some((text) => text.includes('\0')))
      throw invalidTensors(`The input "${name}" has a text with a zero character in it`);
  }
  return { tensors, rows: 1 };
}

/** A model may have 4,096 inputs with names of 1,024 bytes. */
const maxQuoted = 20;

/** What a model has, for a refusal. */
export function quoteNames(tensors: readonly { readonly name: string }[]): string {
  const more = tensors.length > maxQuoted ? ` and ${tensors.length - maxQuoted} more` : '';
  const names = tensors.slice(0, maxQuoted).map(({ name }) => `"${name}"`);
  return names.join(', ') + more;
}
