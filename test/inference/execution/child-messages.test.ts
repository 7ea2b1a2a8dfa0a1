import { serialize } from 'node:v8';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canBeSaid,
  decodeChildMessage,
  encodeChildMessage,
  type ChildMessage,
} from '../../../mlapi/inference/execution/child-messages.ts';

const metadata = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'BYTES', shape: [-1] }],
  inputType: 'float32',
  width: 2,
  takesOneRow: false,
} as const;

/** A forged message: a head, followed by elements. */
function made(head: unknown, elements = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const gap = Buffer.alloc((8 - ((4 + json.length) % 8)) % 8);
  return Buffer.concat([length, json, gap, elements]);
}

describe('a message of a model process', () => {
  const number = fc.oneof(
    fc.float32Array({ maxLength: 9 }),
    fc.float64Array({ maxLength: 9 }),
    fc.uint8Array({ maxLength: 9 }),
    fc.uint16Array({ maxLength: 9 }),
    fc.int32Array({ maxLength: 9 }),
    fc.bigInt64Array({ maxLength: 9 }),
    fc.bigUint64Array({ maxLength: 9 }),
  );
  const data = fc.oneof(number, fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 9 }));
  const output = data.map((elements) => ({ data: elements, shape: [elements.length, 1] }));

  test('survives encoding: outputs of every kind, alone or with others', () => {
    const others = fc.option(fc.array(output, { maxLength: 3 }), { nil: undefined });
    fc.assert(
      fc.property(output, others, fc.nat(), (own, more, rssBytes) => {
        const message: ChildMessage = {
          type: 'answered',
          output: more ? { ...own, secondaryOutputs: more } : own,
          rssBytes,
        };
        expect(decodeChildMessage(encodeChildMessage(message))).toEqual(message);
      }),
    );
  });

  test.each<ChildMessage>([
    { type: 'ready', metadata, rssBytes: 1 },
    { type: 'ready', metadata: { ...metadata, inputType: undefined, width: undefined }, rssBytes: 1 },
    { type: 'unusable', reason: 'it is none' },
    { type: 'refused', message: 'the model failed', cause: 'a "node"' },
    { type: 'answered', output: { data: Float32Array.of(7), shape: [] }, rssBytes: 1 },
  ])('survives encoding: %j', (message) => {
    expect(decodeChildMessage(encodeChildMessage(message))).toEqual(message);
  });

  test('loses files, digests and proofs: the child’s word on these is ignored', () => {
    const files = [{ name: '../../mlapi.db', sha256: '0'.repeat(64), sizeBytes: 1 }];
    const more = { sha256: '0'.repeat(64), files, platform: 'other', rowWise: { y: null } };
    const ready = decodeChildMessage(made({ type: 'ready', metadata: { ...metadata, ...more }, rssBytes: 1 }));
    expect(ready).toEqual({ type: 'ready', metadata, rssBytes: 1 });
  });

  test('is not sent if its metadata are too long', () => {
    const withNames = (count: number) => ({
      ...metadata,
      outputs: Array.from({ length: count }, (_, at) => ({
        ...metadata.outputs[0],
        name: `${at}${'y'.repeat(1_000)}`,
      })),
    });
    expect([canBeSaid(withNames(3_900)), canBeSaid(withNames(4_100))]).toEqual([true, false]);
    const ready = encodeChildMessage({ type: 'ready', metadata: withNames(3_900), rssBytes: 2 ** 40 });
    expect(decodeChildMessage(ready)).toMatchObject({ type: 'ready' });
  });

  const answered = { type: 'answered', rssBytes: 1 };
  const six = { cells: 'Float32Array', shape: [6] };
  const ready = { type: 'ready', metadata, rssBytes: 1 };
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(1)],
    ['a head longer than the message', made('').fill(0xff, 0, 4)],
    ['invalid JSON', made('{')],
    ['null', made(null)],
    ['a number', made(1)],
    ['another type', made({ type: '__proto__' })],
    ["objects for V8's deserializer", serialize({ type: 'ready', metadata, rssBytes: 1 })],
    ['no memory', made({ type: 'ready', metadata })],
    ['memory that is text', made({ ...ready, rssBytes: '1' })],
    ['no metadata', made({ ...ready, metadata: null })],
    ['inputs that are not a list', made({ ...ready, metadata: { ...metadata, inputs: { length: 1, map: 1 } } })],
    ['an input of no type', made({ ...ready, metadata: { ...metadata, inputType: 'constructor' } })],
    [
      'an output of another datatype',
      made({ ...ready, metadata: { ...metadata, outputs: [{ ...metadata.outputs[0], datatype: 'FP8' }] } }),
    ],
    [
      'an output without a name',
      made({ ...ready, metadata: { ...metadata, outputs: [{ datatype: 'FP32', shape: [] }] } }),
    ],
    ['a width below zero', made({ ...ready, metadata: { ...metadata, width: -1 } })],
    ['a reason that is not text', made({ type: 'unusable', reason: { toString: 1 } })],
    ['a cause that is not text', made({ type: 'refused', message: '', cause: { toString: 1 } })],
    ['a run without an output', made(answered)],
    ['fewer elements than declared', made({ ...answered, output: six }, Buffer.alloc(16))],
    ['more elements than declared', made({ ...answered, output: six }, Buffer.alloc(32))],
    ['elements of no known kind', made({ ...answered, output: { ...six, cells: 'constructor' } }, Buffer.alloc(24))],
    ['sizes below zero', made({ ...answered, output: { ...six, shape: [-2, -3] } }, Buffer.alloc(24))],
    ['fractional sizes', made({ ...answered, output: { ...six, shape: [0.5, 12] } }, Buffer.alloc(24))],
    ['a hundred dimensions', made({ ...answered, output: { ...six, shape: Array(100).fill(1) } }, Buffer.alloc(8))],
    ['more elements than there can be', made({ ...answered, output: { ...six, shape: [2 ** 52, 2 ** 52] } })],
    ['four billion texts of none', made({ ...answered, output: { cells: 'texts', shape: [2 ** 32 - 1] } })],
    [
      'more texts than there may be',
      made({ ...answered, output: { cells: 'texts', shape: [600_000] } }, Buffer.alloc(2_400_000)),
    ],
    [
      'a text longer than the message',
      made({ ...answered, output: { cells: 'texts', shape: [1] } }, Buffer.alloc(8, 0xff)),
    ],
    ['others that are not a list', made({ ...answered, output: { ...six, shape: [0] }, others: 'y' })],
  ])('is rejected quickly: %s', (_, bytes) => {
    const before = performance.now();
    expect(() => decodeChildMessage(bytes)).toThrow();
    expect(performance.now() - before).toBeLessThan(500);
  });
});
