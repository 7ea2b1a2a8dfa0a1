import type { InputType } from '../types.ts';

const cells = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

export type CellsOf = (typeof cells)[keyof typeof cells];

/** How the elements of an answered tensor lie in memory, by its datatype; `BYTES` is text, and has none. */
export const outputCells: ReadonlyMap<string, CellsOf | undefined> = new Map<string, CellsOf | undefined>([
  ...Object.entries(cells),
  ['BYTES', undefined],
]);

/** Datatypes that a model may take. */
export const inputTypes: ReadonlyMap<string, InputType> = new Map<string, InputType>([
  ['FP32', 'float32'],
  ['FP64', 'float64'],
  ['INT32', 'int32'],
  ['INT64', 'int64'],
]);
