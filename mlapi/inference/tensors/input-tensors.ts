import { invalidTensors, tooManyRows } from '../problems.ts';
import type { InputData, InputTensor, Matrix, ModelMetadata, TensorInput } from './types.ts';

interface Taken {
  readonly metadata: ModelMetadata;
  /** Number of features of the model. */
  readonly width: number;
  readonly maxRows: number;
}

/**
 * Interprets tensors as the rows of a model with one input of shape [rows, features]. The elements are not copied.
 * @throws {Problem} 400 `invalid_tensors`, 413 `too_many_rows`
 */
export function toMatrix(inputs: readonly InputTensor[], { metadata, width, maxRows }: Taken): Matrix {
  const { name, datatype } = metadata.inputs[0]!;
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || input.name !== name)
    throw invalidTensors(`The only input of this model is "${name}"`);
  if (input.datatype !== datatype) throw invalidTensors(`The input "${name}" must be ${datatype}`);
  const [rows = 0, columns, ...more] = input.shape;
  if (columns !== width || more.length > 0 || rows === 0)
    throw invalidTensors(`The input "${name}" must have the shape [rows, ${width}] and at least one row`);
  if (rows > maxRows) throw tooManyRows(maxRows, rows);
  return { data: input.data as InputData, rows, width };
}

/**
 * Checks the tensors of a request: each input once, with its datatype and fixed dimensions.
 * @throws {Problem} 400 `invalid_tensors`
 */
export function toTensorInput(tensors: readonly InputTensor[], { inputs }: Pick<ModelMetadata, 'inputs'>): TensorInput {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  if (given.size !== inputs.length || !inputs.every(({ name }) => given.has(name)))
    throw invalidTensors(`Send each input of this model once: ${quoteNames(inputs)}`);
  for (const { name, datatype, shape } of inputs) {
    const tensor = given.get(name)!;
    if (tensor.datatype !== datatype) throw invalidTensors(`The input "${name}" must be ${datatype}`);
    const isOfShape =
      tensor.shape.length === shape.length &&
      tensor.shape.every((size, at) => size > 0 && (shape[at] === -1 || shape[at] === size));
    if (!isOfShape)
      throw invalidTensors(
        `The input "${name}" must have the shape [${shape.join(', ')}], where -1 is any positive number`,
      );
    // The runtime would silently cut the text there.
    if (datatype === 'BYTES' && (tensor.data as readonly string[]).some((text) => text.includes('\0')))
      throw invalidTensors(`The input "${name}" has a string with a NUL character`);
  }
  return { tensors, rows: 1 };
}

/** Most names in a message: a model may have 4,096 inputs with names of 1,024 bytes. */
const maxQuoted = 20;

/** Lists tensor names for an error message. */
export function quoteNames(tensors: readonly { readonly name: string }[]): string {
  const more = tensors.length > maxQuoted ? ` and ${tensors.length - maxQuoted} more` : '';
  const names = tensors.slice(0, maxQuoted).map(({ name }) => `"${name}"`);
  return names.join(', ') + more;
}
