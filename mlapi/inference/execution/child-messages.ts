import { datatypes } from '../tensors/datatypes.ts';
import { maxOutputBytes, sizeOf, textBytes } from '../tensors/output-size.ts';
import type { InputType, ModelMetadata, OutputTensor, RunInput, RunOutput, TensorInfo } from '../tensors/types.ts';

/** The output that the contract reads, and the others where they are wanted, too. */
export interface WantedOutputs {
  readonly outputName: string;
  readonly others?: readonly string[] | undefined;
}

/** Messages to a child process: first the model, then one run after the other. */
export type ParentMessage =
  | { readonly type: 'load'; readonly path: string; readonly sha256: string | undefined }
  | ({ readonly type: 'run' } & WantedOutputs & { readonly input: RunInput });

/** The runtime's description of a loaded model. The child is not asked for its files or for proofs about its graph. */
export type LoadedMetadata = Pick<ModelMetadata, 'inputs' | 'outputs' | 'inputType' | 'width' | 'takesOneRow'>;

/** Messages from a child process: that it is ready, or why not; then one answer for each run. */
export type ChildMessage =
  | { readonly type: 'ready'; readonly metadata: LoadedMetadata; readonly rssBytes: number }
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'answered'; readonly output: RunOutput; readonly rssBytes: number }
  | { readonly type: 'refused'; readonly message: string; readonly cause: string };

/** Most that the JSON of a message may take: it is parsed in one turn of the event loop. */
const maxHeadBytes = 4_194_304;
/** Maximum size of a model's names and shapes, as JSON. */
const maxMetadataBytes = maxHeadBytes - 1_024;
/** Most that a child may say at once: outputs of the largest size, and what stands around them. */
export const maxChildBytes = maxOutputBytes + maxHeadBytes;
/** Where a child finds the pipe to its parent. */
export const pipeDescriptor = 3;

const lengthBytes = 4;
/** Outputs start at multiples of this many bytes, so that any element type can be viewed in place. */
const alignment = 8;
const maxDimensions = 64;
const maxReasonLength = 4_096;

const cells = {
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int8Array,
  Int16Array,
  Int32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
};
const texts = 'texts';
const inputTypes: readonly unknown[] = [undefined, 'float32', 'float64', 'int32', 'int64'];

/** A message but for the elements of its outputs, which stand behind it. */
interface Head {
  readonly type?: unknown;
  readonly metadata?: unknown;
  readonly rssBytes?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly output?: unknown;
  readonly others?: unknown;
}

/**
 * The bytes of a message: the length of its head, that as JSON, and the elements of its outputs. A deserializer that makes any object
 * there is would make gigabytes of megabytes, and its callers could be sent what is none of these messages.
 */
export function encodeChildMessage(message: ChildMessage): Buffer {
  if (message.type !== 'answered') return join(message, []);
  const { type, output, rssBytes } = message;
  const { secondaryOutputs: others } = output;
  const head = { type, rssBytes, output: describe(output), ...(others && { others: others.map(describe) }) };
  return join(head, [output, ...(others ?? [])].map(elementsOf));
}

/** Whether what is said of a model is short enough to be said. */
export function canBeSaid(metadata: LoadedMetadata): boolean {
  return Buffer.byteLength(JSON.stringify(metadata)) <= maxMetadataBytes;
}

function describe({ data, shape }: OutputTensor) {
  return { cells: ArrayBuffer.isView(data) ? data.constructor.name : texts, shape };
}

function elementsOf({ data }: OutputTensor): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; at += 1) {
    const text = Buffer.from(data[at] as string);
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt32LE(text.length);
    pieces.push(length, text);
  }
  return Buffer.concat(pieces);
}

function join(head: object, elements: readonly Uint8Array[]): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.allocUnsafe(lengthBytes);
  length.writeUInt32LE(json.length);
  const pieces: Uint8Array[] = [length, json, gapAfter(lengthBytes + json.length)];
  for (const piece of elements) pieces.push(piece, gapAfter(piece.length));
  return Buffer.concat(pieces);
}

function gapAfter(bytes: number): Uint8Array {
  return new Uint8Array(aligned(bytes) - bytes);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * Decodes a child's message, without trusting it: the model's author may control the process.
 * @param body a buffer of its own, which the outputs keep
 * @throws where it is no message
 */
export function decodeChildMessage(body: Buffer): ChildMessage {
  const headBytes = body.readUInt32LE();
  if (headBytes > maxHeadBytes) throw new Error('a head of too many bytes');
  const headEnd = lengthBytes + headBytes;
  const head = JSON.parse(body.toString('utf8', lengthBytes, headEnd)) as Head | null;
  const reader = new ElementReader(body, aligned(headEnd));
  const message = readMessage(head ?? {}, reader);
  if (!reader.isAtEnd) throw new Error('not as many bytes as it says');
  return message;
}

function readMessage({ type, ...head }: Head, reader: ElementReader): ChildMessage {
  if (type === 'ready') return { type, metadata: readMetadata(head.metadata), rssBytes: readCount(head.rssBytes) };
  if (type === 'unusable') return { type, reason: readReason(head.reason) };
  if (type === 'refused') return { type, message: readReason(head.message), cause: readReason(head.cause) };
  if (type !== 'answered') throw new Error('of no known type');
  const rssBytes = readCount(head.rssBytes);
  const output = reader.read(head.output);
  const others = head.others === undefined ? undefined : readList(head.others).map((other) => reader.read(other));
  return { type, output: others === undefined ? output : { ...output, secondaryOutputs: others }, rssBytes };
}

/** Reads the elements of one output after the other. */
class ElementReader {
  readonly #body: Buffer;
  #at: number;
  #textBytes = 0;

  constructor(body: Buffer, at: number) {
    this.#body = body;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#body.length;
  }

  read(described: unknown): OutputTensor {
    const { cells: name, shape: given } = Object(described) as { cells?: unknown; shape?: unknown };
    const shape = readShape(given, 0);
    const count = shape.reduce((product, size) => product * size, 1);
    const data = name === texts ? this.#texts(count) : this.#numbers(name, count);
    this.#at = aligned(this.#at);
    return { data, shape };
  }

  #numbers(name: unknown, count: number) {
    if (typeof name !== 'string' || !Object.hasOwn(cells, name)) throw new Error('of no known elements');
    const Cells = cells[name as keyof typeof cells];
    const bytes = this.#take(count * Cells.BYTES_PER_ELEMENT);
    return new Cells(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  }

  #texts(count: number): string[] {
    // Before they are made: many short ones cost more than their bytes.
    if (count * textBytes > maxOutputBytes) throw new Error('more texts than there may be');
    const list: string[] = [];
    while (list.length < count) list.push(this.#take(this.#take(lengthBytes).readUInt32LE()).toString());
    this.#textBytes += sizeOf(list);
    if (this.#textBytes > maxOutputBytes) throw new Error('more texts than there may be');
    return list;
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (!(end <= this.#body.length)) throw new Error('fewer bytes than it says');
    const taken = this.#body.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function readMetadata(value: unknown): LoadedMetadata {
  const { inputs, outputs, inputType, width, takesOneRow } = Object(value) as Record<keyof LoadedMetadata, unknown>;
  if (!inputTypes.includes(inputType)) throw new Error('of no known input');
  return {
    inputs: readList(inputs).map(readTensor),
    outputs: readList(outputs).map(readTensor),
    inputType: inputType as InputType | undefined,
    width: width === undefined ? undefined : readCount(width),
    takesOneRow: takesOneRow === true,
  };
}

function readTensor(value: unknown): TensorInfo {
  const { name, datatype, shape } = Object(value) as Record<keyof TensorInfo, unknown>;
  if (typeof name !== 'string' || typeof datatype !== 'string' || !datatypes.has(datatype))
    throw new Error('of no known tensor');
  return { name, datatype, shape: readShape(shape, -1) };
}

function readShape(value: unknown, least: number): number[] {
  const shape = readList(value);
  if (shape.length > maxDimensions) throw new Error('of too many dimensions');
  return shape.map((size) => readCount(size, least));
}

function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('no list where one must be');
  return value;
}

function readCount(value: unknown, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new Error('no count where one must be');
  return value as number;
}

function readReason(value: unknown): string {
  if (typeof value !== 'string') throw new Error('no text where one must be');
  return value.slice(0, maxReasonLength);
}
