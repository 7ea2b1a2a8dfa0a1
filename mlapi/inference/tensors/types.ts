import type { RowWiseProof } from '../row-wise/prove.ts';

/** Data types that a model's input may have, by their name in onnxruntime. */
export type InputType = 'float32' | 'float64' | 'int32' | 'int64';

export type InputData = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Rows × features, row by row, ready for the model. */
export interface Matrix {
  readonly data: InputData;
  readonly rows: number;
  readonly width: number;
  readonly tensors?: undefined;
}

/** The tensors of one request, each once and as the model takes them; its run is never shared. */
export interface TensorInput {
  readonly tensors: readonly InputTensor[];
  readonly rows: 1;
}

/** Input of a run: rows of one or several requests, or the tensors of one. */
export type RunInput = Matrix | TensorInput;

/** Output tensor of a model: `data` row by row, `shape` with the rows first. */
export interface OutputTensor {
  readonly data: ArrayLike<number | bigint | string>;
  readonly shape: readonly number[];
}

/** Outputs of one run: the output that the contract reads, and the secondary ones if they were asked for. */
export interface RunOutput extends OutputTensor {
  readonly secondaryOutputs?: readonly OutputTensor[];
}

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

/** A tensor in the words of the Open Inference Protocol; -1 stands for a dimension that the model leaves open. */
export interface TensorInfo {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** One of the files of a model. */
export interface ModelFile {
  /** `model.onnx`, or the location that this gives its external data. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Description of a loaded model, wherever it runs: plain data. */
export interface ModelMetadata {
  /** SHA-256 of the bytes that were loaded; for a remote model, of the reference and the server's description. */
  readonly sha256: string;
  /** Where it has external data: all of its files, the ONNX file first; `sha256` is of them all. */
  readonly files?: readonly ModelFile[] | undefined;
  /** Platform of the model, if it does not run in this service. */
  readonly platform?: string;
  readonly inputs: readonly TensorInfo[];
  /** Those that are tensors. */
  readonly outputs: readonly TensorInfo[];
  /** Undefined where the inputs are not one tensor of rows × features. */
  readonly inputType?: InputType | undefined;
  /** Features that the model takes; undefined where it leaves that open. */
  readonly width: number | undefined;
  /** Row-wise proof for each output; undefined if the graph was not read. */
  readonly rowWise?: RowWiseProof;
  /** Models exported for a batch of one get their rows one by one. */
  readonly takesOneRow: boolean;
}
