import type { RowWiseProof } from '../row-wise/prove.ts';

/** Element types of rows, by their onnxruntime names. */
export type InputType = 'float32' | 'float64' | 'int32' | 'int64';

export type InputData = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Encoded rows in row-major order, shape [rows, width]. */
export interface Matrix {
  readonly data: InputData;
  readonly rows: number;
  readonly width: number;
  readonly tensors?: undefined;
}

/** The validated tensors of one request. They are never batched with others. */
export interface TensorInput {
  readonly tensors: readonly InputTensor[];
  readonly rows: 1;
}

/** Input of a run: rows of one or several requests, or the tensors of one request. */
export type RunInput = Matrix | TensorInput;

/** An output tensor: `data` in row-major order; the first dimension of `shape` is the rows. */
export interface OutputTensor {
  readonly data: ArrayLike<number | bigint | string>;
  readonly shape: readonly number[];
}

/** Outputs of a run: the contract's output, and the secondary ones if they were requested. */
export interface RunOutput extends OutputTensor {
  readonly secondaryOutputs?: readonly OutputTensor[];
}

/** Elements in row-major order: BOOL as bytes 0 and 1, FP16 as bits, BYTES as strings. */
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

/** A tensor sent by a caller. Its number of elements matches its shape. */
export interface InputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor of a response. */
export interface NamedOutput extends OutputTensor {
  readonly name: string;
  readonly datatype: string;
}

/** Name, datatype and shape of a tensor; -1 is a dynamic dimension. */
export interface TensorInfo {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** A file of a model. */
export interface ModelFile {
  /** `model.onnx`, or the location of external data as written in the model. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Description of a loaded model, wherever it runs. Plain data. */
export interface ModelMetadata {
  /** SHA-256 of the loaded files; for a remote model, of the reference and the server's description. */
  readonly sha256: string;
  /** With external data: all files, the ONNX file first. `sha256` covers them all. */
  readonly files?: readonly ModelFile[] | undefined;
  /** Platform of the model, if it runs on another server. */
  readonly platform?: string;
  readonly inputs: readonly TensorInfo[];
  /** Outputs that are tensors. */
  readonly outputs: readonly TensorInfo[];
  /** Undefined unless the only input is a tensor of shape [rows, features]. */
  readonly inputType?: InputType | undefined;
  /** Number of features; undefined if it is dynamic. */
  readonly width: number | undefined;
  /** Row-wise proof for each output; undefined if the graph was not read. */
  readonly rowWise?: RowWiseProof;
  /** Whether the model was exported for a batch of one: rows are then run one by one. */
  readonly takesOneRow: boolean;
}
