import type { OutputTensor } from './types.ts';

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
