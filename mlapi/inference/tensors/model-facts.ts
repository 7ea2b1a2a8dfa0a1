import type { RowWiseProof } from '../row-wise/prove.ts';
import type { InputType } from '../contract/types.ts';

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

/** What a model says of itself when it is loaded, wherever that is: plain data. */
export interface ModelFacts {
  /** Of the very bytes that were loaded; of a model on another server, of the reference and of what that says of it. */
  readonly sha256: string;
  /** Where it has external data: all of its files, the ONNX file first; `sha256` is of them all. */
  readonly files?: readonly ModelFile[] | undefined;
  /** What it runs on, where that is not this service. */
  readonly platform?: string;
  readonly inputs: readonly TensorInfo[];
  /** Those that are tensors. */
  readonly outputs: readonly TensorInfo[];
  /** Undefined where the inputs are not one tensor of rows × features. */
  readonly inputType?: InputType | undefined;
  /** Features that the model takes; undefined where it leaves that open. */
  readonly width: number | undefined;
  /** What its graph proves of its outputs; undefined where the graph was not read. */
  readonly rowWise?: RowWiseProof;
  /** Models exported for a batch of one get their rows one by one. */
  readonly takesOneRow: boolean;
}

/** Half floats would arrive as their bits. */
const unreadDatatype = 'FP16';

/** The output to read: the pinned one, or the first that is a tensor. @throws if it cannot be read */
export function chooseOutput({ outputs }: Pick<ModelFacts, 'outputs'>, pinned?: string): string {
  const chosen = pinned === undefined ? outputs[0] : outputs.find(({ name }) => name === pinned);
  if (chosen === undefined) {
    const names = outputs.map(({ name }) => name).join(', ') || 'none';
    const wanted = pinned === undefined ? 'tensor output' : `tensor output "${pinned}"`;
    throw new Error(`the model has no ${wanted}; its tensor outputs are: ${names}`);
  }
  if (chosen.datatype === unreadDatatype)
    throw new Error(`the output "${chosen.name}" is ${chosen.datatype}, which this service does not read`);
  return chosen.name;
}
