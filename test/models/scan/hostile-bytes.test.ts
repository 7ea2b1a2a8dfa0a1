import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { bytes, varint, type Field } from '../../support/onnx-builder.ts';
import {
  claiming,
  graph,
  model,
  negative,
  nested,
  raw,
  tensor,
  withNode,
  withTensor,
} from '../../support/hostile-onnx.ts';
import { expectRefusal, explain, verdictOf, type Refusal } from '../../support/scan.ts';

const honest = model();
const inGraph = (...more: Field[]) => model({ graph: graph({ more }) });
const entry = (key: string, text: string) => [bytes(1, key), bytes(2, text)];
const deepType = (depth: number): Field =>
  depth === 0 ? bytes(1, [varint(1, 1)]) : bytes(4, [bytes(1, [deepType(depth - 1)])]);
const repeated = (field: Field, times: number) => Buffer.concat(Array<Field>(times).fill(field));

const cases: Record<string, readonly Refusal[]> = {
  'E83 another kind of file': [
    ['not_onnx: empty', Buffer.alloc(0), /is empty/],
    ['not_onnx: a zip archive', Buffer.from('PK\x03\x04\x14\0\0\0\x08\0abcdefgh', 'latin1'), /a zip archive/],
    ['not_onnx: gzip of a model', gzipSync(honest), /gzip/],
    [
      'not_onnx: a pickle',
      Buffer.from('\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\x05posix', 'latin1'),
      /^The file is a Python pickle, not an ONNX model\. Export the model to ONNX, for example with skl2onnx\.$/,
    ],
    ['not_onnx: a program', Buffer.from('\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03', 'latin1'), /program/],
    ['not_onnx: a PDF document', Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj', 'latin1'), /PDF/],
    ['not_onnx: a page', Buffer.from('<!DOCTYPE html><html><script>'), /HTML/],
    ['not_onnx: JSON', Buffer.from('{"name": "model", "version": "1"}'), /JSON/],
    ['not_onnx: text', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /text/],
    ['malformed_model: one byte', Buffer.from([8])],
    ['malformed_model: zeros', Buffer.alloc(1000)],
    ['malformed_model: an archive after the model', Buffer.concat([honest, Buffer.from('PK\x03\x04')])],
    ['malformed_model: compressed, without a head', deflateRawSync(honest)],
  ],
  'E84 protobuf': [
    ['malformed_model: an integer longer than needed', model({ ir: raw(1, 0, 0x88, 0x00) })],
    ['malformed_model: an endless integer', model({ ir: raw(1, 0, ...Array<number>(11).fill(0x80), 1) })],
    ['malformed_model: an integer of over 64 bits', model({ ir: raw(1, 0, ...Array<number>(9).fill(0xff), 2) })],
    [
      'malformed_model: a length past the end of the message',
      inGraph(bytes(13, [claiming(1, 100)])),
      /longer than itself/,
    ],
    [
      'malformed_model: a number past the end of the message',
      Buffer.concat([claiming(8, 1), Buffer.from([0x10, 17])]),
      /longer than itself/,
    ],
    [
      'malformed_model: a tag past the end of the message',
      Buffer.concat([claiming(8, 1), Buffer.from([0x90, 0x01, 17])]),
      /longer than itself/,
    ],
    [
      'malformed_model: packed integers past their end',
      withTensor(raw(1, 2, 1, 0x80), varint(2, 1)),
      /longer than itself/,
    ],
    ['malformed_model: a negative length', inGraph(negative(1, -1n).fill(0x0a, 0, 1)), /negative length/],
    ['model_too_large: a claim of 2 GiB', claiming(7, 2 ** 31)],
    ['malformed_model: a claim of 2 GiB, inside', inGraph(claiming(5, 2 ** 31))],
    [
      'malformed_model: a float past the end of the message',
      inGraph(bytes(1, [bytes(5, [raw(2, 5, 1, 2)])])),
      /longer than itself/,
    ],
    ['malformed_model: a group', model({ more: [raw(5, 3), raw(5, 4)] })],
    ['malformed_model: wire types that are none', model({ more: [raw(5, 6)] })],
    ['malformed_model: field number 0', model({ more: [Buffer.from([0x00, 0x00])] }), /without a number/],
    ['malformed_model: an unknown field', model({ more: [varint(99, 1)] })],
    ['malformed_model: 100 MB of an unknown field', claiming(99, 100_000_000, Buffer.alloc(1000))],
    ['malformed_model: a number where text belongs', model({ more: [varint(2, 1)] })],
    ['malformed_model: text where a number belongs', model({ more: [bytes(5, 'x')] })],
    ['malformed_model: two graphs', model({ more: [bytes(7, graph())] })],
    ['malformed_model: a node with two operators', inGraph(bytes(1, [bytes(4, 'Relu'), bytes(4, 'Abs')]))],
    ['malformed_model: a tensor with two types', withTensor(varint(2, 1), varint(2, 7))],
    ['malformed_model: a string that is not UTF-8', inGraph(bytes(13, [raw(1, 2, 2, 0xc3, 0x28)]))],
    ['malformed_model: a surrogate half', inGraph(bytes(13, [raw(1, 2, 3, 0xed, 0xa0, 0x80)]))],
    ['malformed_model: NUL in a name', withNode({ name: 'a\0b' })],
    ['model_too_complex: 2,000 nested types', inGraph(bytes(13, [bytes(1, 'v'), bytes(2, [deepType(2_000)])]))],
    ['model_too_complex: 1,000,001 empty parts', inGraph(repeated(bytes(14, ''), 1_000_001))],
  ],
  'E92 names and metadata': [
    ['model_too_complex: documentation of 10 MB', model({ more: [bytes(6, Buffer.alloc(10_000_000, 'a'))] })],
    ['model_too_complex: a metadata value of 10 MB', model({ more: [bytes(14, entry('k', 'a'.repeat(10_000_000)))] })],
    [
      'model_too_complex: 40 MB of documentation in pieces',
      inGraph(repeated(bytes(14, [bytes(2, entry('k', 'a'.repeat(250_000)))]), 160)),
    ],
    ['model_too_complex: a name of 2 kB', withNode({ name: 'n'.repeat(2_000) })],
    ['model_too_complex: 300,000 metadata entries', model({ more: [repeated(bytes(14, [bytes(1, 'k')]), 300_000)] })],
  ],
};

describe.each(Object.entries(cases))('%s', (_group, refusals) => {
  test.each(refusals)('%s', expectRefusal);
});

describe('the text of an error', () => {
  test.each([
    ['a long name is truncated', 'n'.repeat(1000), `"${'n'.repeat(64)}…"`],
    ['terminal control characters are escaped', '\u001b[31m\r\n', '"\\u{1b}[31m\\u{d}\\u{a}"'],
    ['bidirectional controls are escaped', 'a\u202e\u2066b', '"a\\u{202e}\\u{2066}b"'],
    ['quotes are escaped', '"\\', '"\\u{22}\\u{5c}"'],
    ['letters of any language are shown', 'Größe 大小 😀', '"Größe 大小 😀"'],
  ])('%s', (_name, given, shown) => {
    expect(explain(withNode({ op: 'Bar', name: given })).text).toContain(`The node ${shown} uses`);
  });

  test('the honest model that the cases are derived from is accepted', () => {
    expect(verdictOf(honest)).toBe('accepted');
    expect(verdictOf(nested(8))).toBe('accepted');
    expect(verdictOf(withTensor(...tensor('w', [2, 3], 6)))).toBe('accepted');
  });
});
