import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InferenceSession, type Tensor } from 'onnxruntime-node';

// Official Linux builds of ONNX Runtime send telemetry unless this is set before the first session.
process.env.ORT_DISABLE_TELEMETRY = '1';

export type ValueMetadata = InferenceSession['inputMetadata'][number];
type Outputs = Readonly<Record<string, Tensor>>;

/** One model loaded by ONNX Runtime. */
export interface RuntimeSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  /**
   * Runs the model; blocks this thread.
   * @param names the outputs to fetch
   * @param onBegin called when the computation starts: at once, or in a later turn of the event loop
   * @throws {Error} as the runtime does, or as a rejection
   */
  run(feeds: Outputs, names: readonly string[], onBegin: () => void): Outputs | Promise<Outputs>;
  release(): Promise<void>;
}

/** Version of onnxruntime-node whose native binding was compared with its public API. */
const testedVersion = '1.30.0';

interface NativeMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  /** ONNX element type; of tensors only. */
  readonly type: number;
  /** -1: any size, with a name at the same index. */
  readonly shape: readonly number[];
  readonly symbolicDimensions: readonly string[];
}

interface NativeSession {
  readonly inputMetadata: readonly NativeMetadata[];
  readonly outputMetadata: readonly NativeMetadata[];
  loadModel(buffer: ArrayBufferLike, offset: number, bytes: number, options: InferenceSession.SessionOptions): void;
  run(feeds: Outputs, fetches: Readonly<Record<string, null>>, options: object): Outputs;
  dispose(): void;
}

interface Native {
  readonly binding: { readonly InferenceSession: new () => NativeSession };
  readonly initOrt: () => void;
}

const native = loadNative();

/** The native binding of the tested version; undefined if another version is installed. */
function loadNative(): Native | undefined {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('onnxruntime-node'));
  const { version } = require(join(folder, '../package.json')) as { version: string };
  return version === testedVersion ? (require(join(folder, 'binding.js')) as Native) : undefined;
}

/** Whether sessions call the native binding directly. */
export const isDirect = native !== undefined;

/**
 * Loads a model: through the native binding if its version was tested, otherwise through the public API, whose wrapper costs as much as a
 * small run.
 * @throws {Error} if the runtime cannot load it
 */
export async function openSession(
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
  way: 'direct' | 'public' = isDirect ? 'direct' : 'public',
): Promise<RuntimeSession> {
  return way === 'direct' && native !== undefined
    ? openDirectly(native, bytes, options)
    : new PublicSession(await InferenceSession.create(bytes, options));
}

class PublicSession implements RuntimeSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  readonly #session: InferenceSession;

  constructor(session: InferenceSession) {
    this.#session = session;
    this.inputMetadata = session.inputMetadata;
    this.outputMetadata = session.outputMetadata;
  }

  run(feeds: Outputs, names: readonly string[], onBegin: () => void): Promise<Outputs> {
    // The runtime starts in the next immediate after this one.
    setImmediate(onBegin);
    return this.#session.run(feeds, names);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function openDirectly({ binding, initOrt }: Native, bytes: Uint8Array, options: InferenceSession.SessionOptions) {
  initOrt();
  const session = new binding.InferenceSession();
  session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, options);
  return new DirectSession(session);
}

class DirectSession implements RuntimeSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  readonly #session: NativeSession;
  #isReleased = false;

  constructor(session: NativeSession) {
    this.#session = session;
    this.inputMetadata = session.inputMetadata.map(describe);
    this.outputMetadata = session.outputMetadata.map(describe);
  }

  run(feeds: Outputs, names: readonly string[], onBegin: () => void): Outputs {
    if (this.#isReleased) throw new Error('the session was released');
    const fetches: Record<string, null> = {};
    for (const name of names) fetches[name] = null;
    onBegin();
    return this.#session.run(feeds, fetches, {});
  }

  release(): Promise<void> {
    if (!this.#isReleased) this.#session.dispose();
    this.#isReleased = true;
    return Promise.resolve();
  }
}

const elementTypes: Readonly<Record<number, Tensor.Type>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/** @throws {Error} for an element type that the public API does not support either */
function describe({ name, isTensor, type, shape, symbolicDimensions }: NativeMetadata): ValueMetadata {
  if (!isTensor) return { name, isTensor: false };
  const known = elementTypes[type];
  if (known === undefined) throw new Error(`Unsupported data type: ${type}`);
  return {
    name,
    isTensor: true,
    type: known,
    shape: shape.map((size, at) => (size === -1 ? symbolicDimensions[at]! : size)),
  };
}
