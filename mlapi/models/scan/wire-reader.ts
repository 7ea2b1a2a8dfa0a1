import { modelMessage, refusals, type Field, type Message } from './onnx-messages.ts';
import type { MessageRule } from './rules/message-rule.ts';
import type { Tally } from './scan-limits.ts';
import { refuse } from './scan-refusals.ts';
import { TextBuffer } from './text-buffer.ts';
import { Varint } from './varint.ts';

/** A message that has begun but not ended. */
interface Frame {
  readonly message: Message;
  readonly rule: MessageRule;
  /** Offset after its last byte. */
  readonly end: number;
  /** One bit per field that must not be repeated. */
  seen: number;
}

type State = 'tag' | 'number' | 'length' | 'text' | 'skip';

const maxTag = 2 ** 32 - 1;
const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const passedOver: MessageRule = {};

/**
 * Parses protobuf while it arrives and passes its contents to the rules. Keeps the open messages and one string, never a tensor. Declared
 * lengths are not trusted: nothing is allocated for them.
 */
export class WireReader {
  readonly #tally: Tally;
  readonly #frames: Frame[];
  #frame: Frame;
  #state: State = 'tag';
  #field: Field | undefined;
  readonly #varint = new Varint();
  readonly #text = new TextBuffer();
  /** Bytes left to skip. */
  #skipped = 0;
  /** End of the packed integers being read; 0 if none are. */
  #packedEnd = 0;
  /** Offsets of the chunk and of the next byte. */
  #chunkStart = 0;
  #position = 0;

  constructor(rule: MessageRule, tally: Tally) {
    this.#tally = tally;
    this.#frame = { message: modelMessage, rule, end: tally.limits.maxFileBytes, seen: 0 };
    this.#frames = [this.#frame];
  }

  write(chunk: Buffer): void {
    this.#chunkStart = this.#position;
    for (let at = 0; at < chunk.length;) {
      at = this.#read(chunk, at);
      this.#position = this.#chunkStart + at;
      if (this.#state === 'tag' && this.#varint.isDone) this.#leaveMessages();
    }
  }

  /** Ends the file. @throws {Problem} 422 if it is truncated */
  end(): void {
    if (this.#frames.length > 1 || this.#state !== 'tag' || !this.#varint.isDone)
      refuse('malformed_model', `The file ends in the middle of ${this.#frame.message.name}; it is truncated.`);
    this.#frame.rule.end?.();
  }

  #read(chunk: Buffer, start: number): number {
    if (this.#state === 'skip') return this.#skip(chunk, start);
    if (this.#state === 'text') return this.#readText(chunk, start);
    for (let at = start; at < chunk.length;) {
      if (!this.#varint.take(chunk[at++]!)) continue;
      this.#position = this.#chunkStart + at;
      if (this.#position > this.#frame.end) this.#overrun();
      this.#takeVarint(this.#varint.value);
      return at;
    }
    return chunk.length;
  }

  #takeVarint(value: number): void {
    if (this.#state === 'tag') this.#beginField(value);
    else if (this.#state === 'length') this.#takeLength(this.#field!, value);
    else this.#takeNumber(this.#field!, value);
  }

  #beginField(tag: number): void {
    if (tag < 8 || tag > maxTag) refuse('malformed_model', `${this.#frame.message.name} has a field without a number.`);
    const number = tag >>> 3;
    const wireType = tag & 7;
    const field = this.#frame.message.fields[number];
    if (field === undefined) refuse('malformed_model', `${this.#frame.message.name} has an unknown field, ${number}.`);
    const refusal = field.kind === 'refused' ? refusals[field.name] : undefined;
    if (refusal !== undefined) refuse(...refusal);
    if (!field.isRepeated) this.#seeOnce(field, 1 << number);
    this.#field = field;
    const isPacked = field.isRepeated && wireType === 2;
    if (wireType !== field.wireType && !isPacked) this.#refuseField(field, 'has the wrong type');
    if (wireType === 0) this.#state = 'number';
    else if (wireType === 2) this.#state = 'length';
    else this.#takeFixed(field, wireType === 1 ? 8 : 4);
  }

  #seeOnce(field: Field, bit: number): void {
    if ((this.#frame.seen & bit) !== 0) this.#refuseField(field, 'is repeated');
    this.#frame.seen |= bit;
  }

  #takeFixed(field: Field, size: number): void {
    if (this.#position + size > this.#frame.end) this.#overrun();
    this.#frame.rule.count?.(field.name, 1);
    this.#passOver(size);
  }

  #takeNumber(field: Field, value: number): void {
    if (field.kind === 'varint') this.#frame.rule.count?.(field.name, 1);
    else {
      // A protobuf parser would truncate a larger value to 32 bits and so read another number.
      if (field.kind === 'int32' && (value < int32.min || value > int32.max))
        this.#refuseField(field, 'is out of range');
      this.#frame.rule.number?.(field.name, value);
    }
    if (this.#packedEnd > this.#position) return;
    if (this.#packedEnd !== 0 && this.#packedEnd < this.#position) this.#overrun();
    this.#packedEnd = 0;
    this.#state = 'tag';
  }

  #takeLength(field: Field, length: number): void {
    if (length < 0) this.#refuseField(field, 'has a negative length');
    if (this.#position + length > this.#frame.end) this.#overrun();
    this.#state = 'tag';
    if (field.kind === 'message') this.#enter(field, length);
    else if (field.kind === 'name' || field.kind === 'text') this.#beginText(field, length);
    else if (field.kind === 'bytes') {
      this.#frame.rule.bytes?.(field.name, length);
      this.#passOver(length);
    } else this.#takePacked(field, length);
  }

  #takePacked(field: Field, length: number): void {
    if (field.wireType === 0) {
      if (length === 0) return;
      this.#packedEnd = this.#position + length;
      this.#state = 'number';
      return;
    }
    const size = field.wireType === 1 ? 8 : 4;
    if (length % size !== 0) this.#refuseField(field, 'has the wrong length');
    this.#frame.rule.count?.(field.name, length / size);
    this.#passOver(length);
  }

  #enter(field: Field, length: number): void {
    this.#tally.messages.add();
    if (this.#frames.length > this.#tally.limits.maxMessageDepth)
      refuse('model_too_complex', `The model is nested more than ${this.#tally.limits.maxMessageDepth} levels deep.`);
    const rule = this.#frame.rule.enter?.(field.name) ?? passedOver;
    this.#frame = { message: field.message!, rule, end: this.#position + length, seen: 0 };
    this.#frames.push(this.#frame);
  }

  #leaveMessages(): void {
    while (this.#frames.length > 1 && this.#position === this.#frame.end) {
      this.#frames.pop();
      this.#frame.rule.end?.();
      this.#frame = this.#frames.at(-1)!;
    }
  }

  #beginText(field: Field, length: number): void {
    const { maxNameBytes, maxTextBytes } = this.#tally.limits;
    const limit = field.kind === 'name' ? maxNameBytes : maxTextBytes;
    if (length > limit)
      refuse('model_too_complex', `${field.name} of ${this.#frame.message.name} is longer than ${limit} bytes.`);
    this.#tally.textBytes.add(length);
    if (length === 0) this.#frame.rule.text?.(field.name, '');
    else {
      this.#text.begin(length);
      this.#state = 'text';
    }
  }

  #readText(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#text.missing);
    const text = this.#text.take(chunk, start, end);
    if (text !== undefined) {
      this.#state = 'tag';
      this.#frame.rule.text?.(this.#field!.name, text);
    }
    return end;
  }

  #passOver(bytes: number): void {
    this.#skipped = bytes;
    this.#state = bytes === 0 ? 'tag' : 'skip';
  }

  #skip(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#skipped);
    this.#skipped -= end - start;
    if (this.#skipped === 0) this.#state = 'tag';
    return end;
  }

  #refuseField(field: Field, what: string): never {
    refuse('malformed_model', `${field.name} of ${this.#frame.message.name} ${what}.`);
  }

  #overrun(): never {
    if (this.#frames.length === 1)
      refuse('model_too_large', `The model is larger than ${this.#tally.limits.maxFileBytes} bytes.`);
    refuse('malformed_model', `${this.#frame.message.name} contains a part that is longer than itself.`);
  }
}
