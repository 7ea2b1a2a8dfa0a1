/** One field of a protobuf message. */
export interface ProtobufField {
  readonly number: number;
  /** Of an integer; rounded beyond 2^53. */
  readonly value?: number;
  /** Of a string, of bytes, or of a message inside this one: a view of the file. */
  readonly bytes?: Buffer;
}

/**
 * Reads the fields of a message one after the other, and copies nothing.
 * @throws {Error} where the message is malformed or ends early
 */
export function* protobufFields(message: Buffer): Generator<ProtobufField, void, undefined> {
  for (let at = 0; at < message.length;) {
    const [tag, begin] = readVarint(message, at);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) {
      const [value, end] = readVarint(message, begin);
      yield { number, value };
      at = end;
    } else {
      const [length, start] = lengthOf(message, wireType, begin);
      at = start + length;
      if (at > message.length) throw malformed();
      yield wireType === 2 ? { number, bytes: message.subarray(start, at) } : { number };
    }
  }
}

/** The text of a field; the last one counts, as for every protobuf parser. */
export function textOf(fields: readonly ProtobufField[], number: number): string | undefined {
  return fields.findLast((field) => field.number === number)?.bytes?.toString('utf8');
}

function lengthOf(message: Buffer, wireType: number, at: number): [length: number, start: number] {
  if (wireType === 2) return readVarint(message, at);
  if (wireType === 1) return [8, at];
  if (wireType === 5) return [4, at];
  // Groups, which ONNX never had, and two numbers that mean nothing.
  throw malformed();
}

const mostVarintBytes = 10;

function readVarint(message: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  for (let count = 0; count < mostVarintBytes && start + count < message.length; count += 1) {
    const byte = message[start + count]!;
    value += (byte & 0x7f) * 128 ** count;
    if (byte < 0x80) return [value, start + count + 1];
  }
  throw malformed();
}

function malformed(): Error {
  return new Error('the file is no whole ONNX model: it is damaged, or was cut off');
}
