/** How the elements of a datatype are stored; `min` and `max` are its range. */
export type Datatype =
  | { readonly kind: 'boolean'; readonly Cells: typeof Uint8Array }
  | { readonly kind: 'integer'; readonly Cells: IntegerCells; readonly min: number; readonly max: number }
  | { readonly kind: 'long'; readonly Cells: LongCells; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'half'; readonly Cells: typeof Uint16Array }
  | { readonly kind: 'float'; readonly Cells: typeof Float32Array | typeof Float64Array }
  | { readonly kind: 'text' };

type IntegerCells =
  | typeof Uint8Array
  | typeof Uint16Array
  | typeof Uint32Array
  | typeof Int8Array
  | typeof Int16Array
  | typeof Int32Array;
type LongCells = typeof BigUint64Array | typeof BigInt64Array;

const signed = (Cells: IntegerCells, bits: number): Datatype => {
  return { kind: 'integer', Cells, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 };
};
const unsigned = (Cells: IntegerCells, bits: number): Datatype => {
  return { kind: 'integer', Cells, min: 0, max: 2 ** bits - 1 };
};

/** All datatypes, by the names that KServe, Triton and MLServer use. */
export const datatypes: ReadonlyMap<string, Datatype> = new Map<string, Datatype>([
  ['BOOL', { kind: 'boolean', Cells: Uint8Array }],
  ['UINT8', unsigned(Uint8Array, 8)],
  ['UINT16', unsigned(Uint16Array, 16)],
  ['UINT32', unsigned(Uint32Array, 32)],
  ['UINT64', { kind: 'long', Cells: BigUint64Array, min: 0n, max: 2n ** 64n - 1n }],
  ['INT8', signed(Int8Array, 8)],
  ['INT16', signed(Int16Array, 16)],
  ['INT32', signed(Int32Array, 32)],
  ['INT64', { kind: 'long', Cells: BigInt64Array, min: -(2n ** 63n), max: 2n ** 63n - 1n }],
  ['FP16', { kind: 'half', Cells: Uint16Array }],
  ['FP32', { kind: 'float', Cells: Float32Array }],
  ['FP64', { kind: 'float', Cells: Float64Array }],
  ['BYTES', { kind: 'text' }],
]);
