import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { invalidModelOutput } from './invalid-output.ts';
import type { ModelFacts, TensorInfo } from './model-facts.ts';
import { joinRows, type OutputPart } from './output-rows.ts';
import { ModelFolderError, type InputType, type Matrix, type RunOutput } from './types.ts';

// The runtime's builds for Linux report models and machine to their maker, unless they find this before the first session.
process.env.ORT_DISABLE_TELEMETRY = '1';

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
  readonly facts: ModelFacts;
  /** What this process grew by when it loaded the model. */
  readonly loadedBytes: number;
  /** What all runs have taken, without what the event loop did before each of them. */
  computedSeconds = 0;
  /** What runs that began before `watchedUntilMs` have taken of the processor. Looking costs as much as a small run. */
  processorSeconds = 0;
  /** By `performance.now()`. */
  watchedUntilMs = 0;
  readonly #session: InferenceSession;
  readonly #inputName: string;
  #beganMs = 0;
  #processorBefore: NodeJS.CpuUsage | undefined;

  private constructor(
    session: InferenceSession,
    input: TensorMetadata,
    { sha256, loadedBytes }: { sha256: string; loadedBytes: number },
  ) {
    this.#session = session;
    this.loadedBytes = loadedBytes;
    const [rows, width] = input.shape;
    this.facts = {
      sha256,
      inputs: tensors(session.inputMetadata),
      outputs: tensors(session.outputMetadata),
      inputType: input.type as InputType,
      width: typeof width === 'number' && width > 0 ? width : undefined,
      takesOneRow: rows === 1,
    };
    this.#inputName = input.name;
  }

  /** Loads a file. @throws {ModelFolderError} */
  static async load(path: string): Promise<ModelWrapper> {
    try {
      const bytes = readFileSync(path);
      const before = process.memoryUsage.rss();
      const session = await InferenceSession.create(bytes, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        // What fails is thrown; the runtime would write it to stderr too, past the logger.
        logSeverityLevel: 4,
      });
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const loadedBytes = Math.max(0, process.memoryUsage.rss() - before);
      return new ModelWrapper(session, chooseInput(session), { sha256, loadedBytes });
    } catch (cause) {
      throw ModelFolderError.of(path, cause);
    }
  }

  /**
   * Computes one output for every row, and others where they are named.
   * @throws {Problem} 422 `invalid_model_output` where the model itself fails on these rows
   */
  async run({ data, rows, width }: Matrix, outputName: string, others?: readonly string[]): Promise<RunOutput> {
    if (rows === 1 || !this.facts.takesOneRow) return this.#runBatch({ data, rows, width }, outputName, others);
    const parts: OutputPart[] = [];
    for (let row = 0; row < rows; row += 1) {
      const one = { data: data.slice(row * width, (row + 1) * width), rows: 1, width };
      parts.push({ from: row, rows: 1, output: await this.#runBatch(one, outputName, others) });
    }
    return joinRows(parts);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  async #runBatch({ data, rows, width }: Matrix, outputName: string, others?: readonly string[]): Promise<RunOutput> {
    const input = new Tensor(this.facts.inputType, data, [rows, width]);
    // The runtime begins in an immediate of its own, the next one after this.
    setImmediate(this.#begin);
    try {
      // No others are fetched: sequences and maps (scikit-learn's ZipMap) beside these would throw.
      const names = others === undefined ? [outputName] : [outputName, ...others];
      const outputs = await this.#session.run({ [this.#inputName]: input }, names);
      const { data: values, dims: shape } = outputs[outputName]!;
      if (others === undefined) return { data: values, shape };
      const more = others.map((name) => ({ data: outputs[name]!.data, shape: outputs[name]!.dims }));
      return { data: values, shape, others: more };
    } catch (cause) {
      throw invalidModelOutput('it failed on them', cause);
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
    throw new Error(`the model takes exactly ${rows} rows at once; export it with an open batch dimension`);
  return input;
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
