import { Tensor } from 'onnxruntime-node';
import { Problem } from '../../http/problem.ts';
import { ModelFolderError } from '../contract/types.ts';
import { readModel, type ModelBytes } from '../model-files/read-model.ts';
import { invalidModelOutput } from '../problems.ts';
import { joinRows, type OutputPart } from '../tensors/output-rows.ts';
import { refuseLarge, sizeOfAll, sizeOfRun } from '../tensors/output-size.ts';
import type {
  InputTensor,
  InputType,
  Matrix,
  ModelMetadata,
  OutputTensor,
  RunInput,
  RunOutput,
  TensorInfo,
} from '../tensors/types.ts';
import { openSession, type RuntimeSession, type ValueMetadata } from './runtime-session.ts';

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
const served = `supported types: ${Object.values(datatypes).join(', ')}`;
/** Element types that a matrix of rows may have. */
const rowTypes: readonly string[] = ['float32', 'float64', 'int32', 'int64'];

type TensorMetadata = Extract<ValueMetadata, { isTensor: true }>;

/**
 * One loaded ONNX model whose inputs are tensors. Runs inline on one thread.
 * @example
 * const model = await ModelWrapper.load('resources/models/churn/model.onnx');
 * const input = { data: Float32Array.from([0.1, 0.2, 0.3, 0.4]), rows: 2, width: 2 };
 * const { data, shape } = await model.run(input, model.metadata.outputs[0]!.name);
 * await model.release();
 */
export class ModelWrapper {
  readonly metadata: ModelMetadata;
  /** Growth of this process's resident memory when the model was loaded, in bytes. */
  readonly loadedBytes: number;
  /** Total seconds of all runs. */
  computedSeconds = 0;
  /** CPU seconds of runs that started before `watchedUntilMs`. Measuring costs as much as a small run. */
  processorSeconds = 0;
  /** By `performance.now()`. */
  watchedUntilMs = 0;
  readonly #session: RuntimeSession;
  /** The runtime's element type of each input. */
  readonly #inputTypes: ReadonlyMap<string, TensorMetadata['type']>;
  #beganMs = 0;
  #processorBefore: NodeJS.CpuUsage | undefined;

  private constructor(
    session: RuntimeSession,
    { sha256, files }: Omit<ModelBytes, 'bytes' | 'options'>,
    loadedBytes: number,
  ) {
    this.#session = session;
    this.loadedBytes = loadedBytes;
    const inputs = session.inputMetadata.map(tensorOnly);
    this.#inputTypes = new Map(inputs.map(({ name, type }) => [name, type]));
    this.metadata = {
      sha256,
      ...(files !== undefined && { files }),
      inputs: inputs.map(describe),
      // Sequences and maps, such as scikit-learn's ZipMap, are left out.
      outputs: session.outputMetadata.filter((output) => output.isTensor).map(describe),
      ...rowsOf(inputs),
    };
  }

  /** Loads an ONNX file and the external data beside it. @throws {ModelFolderError} */
  static async load(path: string): Promise<ModelWrapper> {
    try {
      const { bytes, options, ...identity } = readModel(path);
      const before = process.memoryUsage.rss();
      const session = await openSession(bytes, {
        ...options,
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        // Failures are thrown; the runtime would also write them to stderr, bypassing the logger.
        logSeverityLevel: 4,
      });
      const loadedBytes = Math.max(0, process.memoryUsage.rss() - before);
      return new ModelWrapper(session, identity, loadedBytes);
    } catch (cause) {
      throw ModelFolderError.of(path, explainType(cause));
    }
  }

  /**
   * Runs the model on rows or tensors. A model that takes one row is run once per row.
   * @param input a matrix of shape [rows, width], or named tensors
   * @param outputName the output to return
   * @param others further outputs to return as `secondaryOutputs`
   * @returns the output, whose first dimension is the rows if `input` is a matrix and the model is row-wise
   * @throws {Problem} 422 `invalid_model_output` if the model fails on this input or its output is too large
   */
  async run(input: RunInput, outputName: string, others?: readonly string[]): Promise<RunOutput> {
    if (input.tensors !== undefined) return this.#compute(this.#feeds(input.tensors), outputName, others);
    const { data, rows, width } = input;
    if (rows === 1 || !this.metadata.takesOneRow) return this.#runBatch({ data, rows, width }, outputName, others);
    const parts: OutputPart[] = [];
    let bytes = 0;
    for (let row = 0; row < rows; row += 1) {
      const one = { data: data.slice(row * width, (row + 1) * width), rows: 1, width };
      const output = await this.#runBatch(one, outputName, others);
      bytes += sizeOfRun(output);
      refuseLarge(bytes);
      parts.push({ from: row, rows: 1, output });
    }
    return joinRows(parts);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  #runBatch({ data, rows, width }: Matrix, outputName: string, others?: readonly string[]): Promise<RunOutput> {
    const { inputs, inputType = 'float32' } = this.metadata;
    const feeds = { [inputs[0]!.name]: new Tensor(inputType, data, [rows, width]) };
    return this.#compute(feeds, outputName, others);
  }

  #feeds(tensors: readonly InputTensor[]): Record<string, Tensor> {
    const feeds = tensors.map(({ name, data, shape }): [string, Tensor] => {
      const type = this.#inputTypes.get(name)!;
      const tensor = new Tensor(type, data, shape);
      // The binding reads the bits of FP16; newer versions of Node would pass numbers.
      return [name, type === 'float16' ? Object.assign(tensor, { cpuData: data }) : tensor];
    });
    return Object.fromEntries(feeds);
  }

  async #compute(feeds: Record<string, Tensor>, outputName: string, others?: readonly string[]): Promise<RunOutput> {
    try {
      // Fetch only the named outputs: sequences and maps among the others would throw.
      const names = others === undefined ? [outputName] : [outputName, ...others];
      const running = this.#session.run(feeds, names, this.#begin);
      const outputs = running instanceof Promise ? await running : running;
      refuseLarge(sizeOfAll(Object.values(outputs)));
      const output = outputOf(outputs[outputName]!);
      return others === undefined
        ? output
        : { ...output, secondaryOutputs: others.map((name) => outputOf(outputs[name]!)) };
    } catch (cause) {
      throw cause instanceof Problem ? cause : invalidModelOutput('the model failed', cause);
    } finally {
      this.computedSeconds += (performance.now() - this.#beganMs) / 1_000;
      if (this.#processorBefore !== undefined) {
        const { user, system } = process.cpuUsage(this.#processorBefore);
        this.processorSeconds += (user + system) / 1e6;
      }
    }
  }

  readonly #begin = (): void => {
    this.#beganMs = performance.now();
    this.#processorBefore = this.#beganMs < this.watchedUntilMs ? process.cpuUsage() : undefined;
  };
}

function tensorOnly(input: ValueMetadata): TensorMetadata {
  if (!input.isTensor) throw new Error(`the input "${input.name}" is not a tensor`);
  return input;
}

function describe({ name, type, shape }: TensorMetadata): TensorInfo {
  const datatype = datatypes[type];
  if (datatype === undefined) throw new Error(`"${name}" is ${type}, which is not supported; ${served}`);
  return { name, datatype, shape: shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)) };
}

/** Describes the input if it is a single tensor of shape [rows, features]. */
function rowsOf(inputs: readonly TensorMetadata[]): Pick<ModelMetadata, 'inputType' | 'width' | 'takesOneRow'> {
  const [input, ...others] = inputs;
  if (input === undefined) throw new Error('the model has no inputs');
  const [rows, width] = input.shape;
  // A model with a fixed batch size above 1 cannot take other numbers of rows.
  const isFixed = typeof rows === 'number' && rows > 1;
  const takesRows = others.length === 0 && input.shape.length === 2 && rowTypes.includes(input.type) && !isFixed;
  if (!takesRows) return { inputType: undefined, width: undefined, takesOneRow: false };
  return {
    inputType: input.type as InputType,
    width: typeof width === 'number' && width > 0 ? width : undefined,
    takesOneRow: rows === 1,
  };
}

/** Returns FP16 elements as their bits on every version of Node; newer ones would return numbers. */
function outputOf({ data, dims, type }: Tensor): OutputTensor {
  if (type !== 'float16') return { data, shape: dims };
  const { buffer, byteOffset, length } = data as Uint16Array;
  return { data: new Uint16Array(buffer, byteOffset, length), shape: dims };
}

/** The runtime's binding does not load models with BF16 inputs or outputs. It reports the type as a number. */
function explainType(cause: unknown): unknown {
  const type = /^Unsupported data type: (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
  if (type === undefined) return cause;
  const shown = type === '16' ? 'BF16' : `of the ONNX element type ${type}`;
  return new Error(`an input or an output is ${shown}, which is not supported; ${served}`, { cause });
}
