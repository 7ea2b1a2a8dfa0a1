import { datatypes } from '../tensors/datatypes.ts';
import { maxOutputBytes, sizeOf, textBytes } from '../tensors/output-size.ts';
import type { InputType, ModelMetadata, OutputTensor, RunInput, RunOutput, TensorInfo } from '../tensors/types.ts';

/** The output that the contract reads, and the other outputs if they are requested. */
export interface WantedOutputs {
  readonly outputName: string;
  readonly others?: readonly string[] | undefined;
}

/** Messages to a child process: `load` first, then one `run` at a time. */
export type ParentMessage =
  | { readonly type: 'load'; readonly path: string; readonly sha256: string | undefined }
  | ({ readonly type: 'run' } & WantedOutputs & { readonly input: RunInput });

/** The runtime's description of a loaded model. The child does not report files or proofs about the graph. */
export type LoadedMetadata = Pick<ModelMetadata, 'inputs' | 'outputs' | 'inputType' | 'width' | 'takesOneRow'>;

/** Messages from a child process: `ready` or `unusable`, then one answer per run. */
export type ChildMessage =
  | { readonly type: 'ready'; readonly metadata: LoadedMetadata; readonly rssBytes: number }
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'answered'; readonly output: RunOutput; readonly rssBytes: number }
  | { readonly type: 'refused'; readonly message: string; readonly cause: string };

/** Maximum size of a message's JSON: it is parsed in one turn of the event loop. */
const maxHeadBytes = 4_194_304;
/** Maximum size of a model's tensor names and shapes as JSON. */
const maxMetadataBytes = maxHeadBytes - 1_024;
/** Maximum size of a message from a child: the largest outputs and the JSON head. */
export const maxChildBytes = maxOutputBytes + maxHeadBytes;
/** File descriptor of the child's pipe to its parent. */
export const pipeDescriptor = 3;

const lengthBytes = 4;
/** Output data is aligned to 8 bytes, so that typed arrays can view it in place. */
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

/** A message without the elements of its outputs, which follow it. */
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
 * Encodes a message: length of the head (uint32, little endian), head as JSON, then the elements of the outputs. A general deserializer
 * could turn megabytes into gigabytes of objects, or produce messages that do not exist.
 */
export function encodeChildMessage(message: ChildMessage): Buffer {
  if (message.type !== 'answered') return join(message, []);
  const { type, output, rssBytes } = message;
  const { secondaryOutputs: others } = output;
  const head = { type, rssBytes, output: describe(output), ...(others && { others: others.map(describe) }) };
  return join(head, [output, ...(others ?? [])].map(elementsOf));
}

/** Whether a model's description fits into a message. */
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
 * Decodes a child's message without trusting it: the author of the model may control the process.
 * @param body a buffer that nothing else uses; the outputs are views of it
 * @throws {Error} if the message is malformed
 */
export function decodeChildMessage(body: Buffer): ChildMessage {
  const headBytes = body.readUInt32LE();
  if (headBytes > maxHeadBytes) throw new Error('head too large');
  const headEnd = lengthBytes + headBytes;
  const head = JSON.parse(body.toString('utf8', lengthBytes, headEnd)) as Head | null;
  const reader = new ElementReader(body, aligned(headEnd));
  const message = readMessage(head ?? {}, reader);
  if (!reader.isAtEnd) throw new Error('length does not match the head');
  return message;
}

function readMessage({ type, ...head }: Head, reader: ElementReader): ChildMessage {
  if (type === 'ready') return { type, metadata: readMetadata(head.metadata), rssBytes: readCount(head.rssBytes) };
  if (type === 'unusable') return { type, reason: readReason(head.reason) };
  if (type === 'refused') return { type, message: readReason(head.message), cause: readReason(head.cause) };
  if (type !== 'answered') throw new Error('unknown message type');
  const rssBytes = readCount(head.rssBytes);
  const output = reader.read(head.output);
  const others = head.others === undefined ? undefined : readList(head.others).map((other) => reader.read(other));
  return { type, output: others === undefined ? output : { ...output, secondaryOutputs: others }, rssBytes };
}

/** Reads the elements of the outputs in order. */
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
    if (typeof name !== 'string' || !Object.hasOwn(cells, name)) throw new Error('unknown element type');
    const Cells = cells[name as keyof typeof cells];
    const bytes = this.#take(count * Cells.BYTES_PER_ELEMENT);
    return new Cells(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  }

  #texts(count: number): string[] {
    // Check first: many short strings need more memory than their bytes.
    if (count * textBytes > maxOutputBytes) throw new Error('too many strings');
    const list: string[] = [];
    while (list.length < count) list.push(this.#take(this.#take(lengthBytes).readUInt32LE()).toString());
    this.#textBytes += sizeOf(list);
    if (this.#textBytes > maxOutputBytes) throw new Error('too many strings');
    return list;
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (!(end <= this.#body.length)) throw new Error('truncated message');
    const taken = this.#body.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function readMetadata(value: unknown): LoadedMetadata {
  const { inputs, outputs, inputType, width, takesOneRow } = Object(value) as Record<keyof LoadedMetadata, unknown>;
  if (!inputTypes.includes(inputType)) throw new Error('unknown input type');
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
    throw new Error('unknown tensor type');
  return { name, datatype, shape: readShape(shape, -1) };
}

function readShape(value: unknown, least: number): number[] {
  const shape = readList(value);
  if (shape.length > maxDimensions) throw new Error('too many dimensions');
  return shape.map((size) => readCount(size, least));
}

function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('expected a list');
  return value;
}

function readCount(value: unknown, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new Error('expected a count');
  return value as number;
}

function readReason(value: unknown): string {
  if (typeof value !== 'string') throw new Error('expected a string');
  return value.slice(0, maxReasonLength);
}
