/** Element size of a tensor, and the field that holds the elements if they are not raw, by TensorProto.DataType. */
interface ElementType {
  readonly bits: number;
  readonly field: string;
  /** Number of elements per entry of that field. */
  readonly perEntry: number;
}

/** Memory of a string in the runtime, however short, in bits. */
const stringBits = 256;

const rows: readonly (readonly [type: number, bits: number, field: string, perEntry?: number])[] = [
  [1, 32, 'float_data'],
  [2, 8, 'int32_data'],
  [3, 8, 'int32_data'],
  [4, 16, 'int32_data'],
  [5, 16, 'int32_data'],
  [6, 32, 'int32_data'],
  [7, 64, 'int64_data'],
  [8, stringBits, 'string_data'],
  [9, 8, 'int32_data'],
  [10, 16, 'int32_data'],
  [11, 64, 'double_data'],
  [12, 32, 'uint64_data'],
  [13, 64, 'uint64_data'],
  [16, 16, 'int32_data'],
  [17, 8, 'int32_data'],
  [18, 8, 'int32_data'],
  [19, 8, 'int32_data'],
  [20, 8, 'int32_data'],
  [21, 4, 'int32_data', 2],
  [22, 4, 'int32_data', 2],
  [23, 4, 'int32_data', 2],
  [25, 2, 'int32_data', 4],
  [26, 2, 'int32_data', 4],
];

/** Element types that the runtime supports; complex numbers are not among them. */
export const elementTypes: ReadonlyMap<number, ElementType> = new Map(
  rows.map(([type, bits, field, perEntry = 1]) => [type, { bits, field, perEntry }]),
);

export const stringType = 8;
