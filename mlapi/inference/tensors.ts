import { Problem } from '../http/problem.ts';
import type { ModelFacts } from './model-facts.ts';
import { tooManyRows } from './request-rows.ts';
import type { InputData, Matrix, OutputTensor } from './types.ts';

/** A tensor's elements, row by row: BOOL as bytes of 0 and 1, FP16 as its bits, BYTES as text. */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

/** A tensor that a caller sends, in the words of the Open Inference Protocol; it has as many elements as its shape says. */
export interface InputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor that is answered. */
export interface NamedOutput extends OutputTensor {
  readonly name: string;
  readonly datatype: string;
}

interface Taken {
  readonly facts: ModelFacts;
  /** Features of the model. */
  readonly width: number;
  readonly maxRows: number;
}

/**
 * The matrix that raw tensors are to a model of one input of rows × features; their elements stay where they are.
 * @throws {Problem} 400 `invalid_tensors`, 413 `too_many_rows`
 */
export function toMatrix(inputs: readonly InputTensor[], { facts, width, maxRows }: Taken): Matrix {
  const { name, datatype } = facts.inputs[0]!;
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

/** 400: the tensors are not those that the model takes or answers. */
export function invalidTensors(what: string): Problem {
  return new Problem(400, 'invalid_tensors', `${what}.`);
}
