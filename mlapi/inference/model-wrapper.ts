import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelFolderError, type InputType, type Matrix, type OutputTensor } from './types.ts';

/** A tensor in the words of the Open Inference Protocol; -1 stands for a dimension that the model leaves open. */
export interface TensorInfo {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

const datatypes: Readonly<Record<string, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};
const inputTypes: readonly string[] = ['float32', 'float64', 'int32', 'int64'];

type Metadata = InferenceSession['inputMetadata'][number];
type TensorMetadata = Extract<Metadata, { isTensor: true }>;

/** One loaded ONNX model with one input of rows × features. Computes on one thread, inline. */
export class ModelWrapper {
  /** Of the very bytes that were loaded. */
  readonly sha256: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly inputType: InputType;
  /** Features that the model takes; undefined where it leaves that open. */
  readonly width: number | undefined;
  readonly #session: InferenceSession;
  readonly #inputName: string;
  #outputName: string;
  /** Models exported for a batch of one get their rows one by one. */
  readonly #takesOneRow: boolean;

  private constructor(session: InferenceSession, sha256: string, input: TensorMetadata) {
    this.#session = session;
    this.sha256 = sha256;
    this.inputs = tensors(session.inputMetadata);
    this.outputs = tensors(session.outputMetadata);
    this.inputType = input.type as InputType;
    const [rows, width] = input.shape;
    this.width = typeof width === 'number' && width > 0 ? width : undefined;
    this.#inputName = input.name;
    this.#outputName = chooseOutput(session, undefined);
    this.#takesOneRow = rows === 1;
  }

  /** Loads a file; its first tensor output will be read. @throws {ModelFolderError} */
  static async load(path: string): Promise<ModelWrapper> {
    try {
      const bytes = readFileSync(path);
      const session = await InferenceSession.create(bytes, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return new ModelWrapper(session, sha256, chooseInput(session));
    } catch (cause) {
      throw new ModelFolderError(path, cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** Reads this output instead of the first. @throws if it is not there, or no tensor */
  pinOutput(tensor: string): void {
    this.#outputName = chooseOutput(this.#session, tensor);
  }

  /** Computes the chosen output for every row. */
  async run({ data, rows, width }: Matrix): Promise<OutputTensor> {
    if (!this.#takesOneRow) return this.#runBatch(data, rows, width);
    const parts: OutputTensor[] = [];
    for (let row = 0; row < rows; row += 1)
      parts.push(await this.#runBatch(data.slice(row * width, (row + 1) * width), 1, width));
    return concatenate(parts);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  async #runBatch(data: Matrix['data'], rows: number, width: number): Promise<OutputTensor> {
    const input = new Tensor(this.inputType, data, [rows, width]);
    // Only this output is fetched: sequences and maps (scikit-learn's ZipMap) beside it would throw.
    const outputs = await this.#session.run({ [this.#inputName]: input }, [this.#outputName]);
    const output = outputs[this.#outputName];
    if (output === undefined) throw new Error('the model gave no output');
    return { data: output.data, shape: output.dims };
  }
}

function chooseInput({ inputMetadata }: InferenceSession): TensorMetadata {
  const [input, ...others] = inputMetadata;
  if (input === undefined || others.length > 0)
    throw new Error(`the model has ${inputMetadata.length} inputs; one input of rows × features is needed`);
  if (!input.isTensor || input.shape.length !== 2)
    throw new Error(`the input "${input.name}" is no tensor of rows × features`);
  if (!inputTypes.includes(input.type))
    throw new Error(`the input "${input.name}" is ${input.type}; it must be one of ${inputTypes.join(', ')}`);
  const [rows] = input.shape;
  if (typeof rows === 'number' && rows > 1)
    throw new Error(
      `the model takes batches of exactly ${rows} rows; export it with an open batch dimension`,
    );
  return input;
}

function chooseOutput({ outputMetadata }: InferenceSession, pinned: string | undefined): string {
  const readable = outputMetadata.filter((output) => output.isTensor).map(({ name }) => name);
  if (pinned !== undefined && !readable.includes(pinned)) {
    throw new Error(
      `has no tensor output "${pinned}"; its tensor outputs are ${readable.join(', ') || 'none'}`,
    );
  }
  const chosen = pinned ?? readable[0];
  if (chosen === undefined) throw new Error('the model has no tensor output');
  return chosen;
}

function tensors(metadata: readonly Metadata[]): TensorInfo[] {
  return metadata
    .filter((info) => info.isTensor)
    .map(({ name, type, shape }) => ({
      name,
      datatype: datatypes[type] ?? type,
      shape: shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)),
    }));
}

function concatenate(parts: readonly OutputTensor[]): OutputTensor {
  const [first] = parts;
  const data = parts.flatMap((part) => Array.from<number | bigint | string>(part.data));
  return { data, shape: [parts.length, ...(first?.shape.slice(1) ?? [])] };
}
