import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { Problem } from '../../../mlapi/http/problem.ts';
import { readContract } from '../../../mlapi/inference/contract/contract.ts';
import type { Feature } from '../../../mlapi/inference/contract/types.ts';
import { csvFormat } from '../../../mlapi/inference/csv/format.ts';
import { Preprocessor } from '../../../mlapi/inference/preprocessing/preprocessor.ts';
import type { InputType } from '../../../mlapi/inference/tensors/types.ts';
import { requests, type Column } from '../../support/generated-contracts.ts';
import { readConnections } from '../../support/nsl-kdd.ts';

/** Reads CSV in chunks of these sizes, repeated. */
function readCsv(preprocessor: Preprocessor, bytes: Buffer, sizes: readonly number[]): unknown {
  const rows = preprocessor.open(csvFormat.read, () => undefined);
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const size = sizes[piece % sizes.length]!;
    // The chunk is only lent, so its bytes may change afterwards.
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    void rows.write(chunk);
    chunk.fill(0x31);
    at += size;
  }
  return rows.end();
}

/** The resulting matrix, or the error. */
function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const { status, code, errors } = problem;
    return { status, code, errors };
  }
}

const oddTexts = [
  ...[
    '',
    '0',
    '-0',
    '1.50',
    '1e2',
    '1E-2',
    '0.1e+1',
    '00',
    '01',
    '-01',
    '1.',
    '.5',
    '-',
    '+1',
    '1e',
    '1e+',
    '--1',
    '0x1',
  ],
  ...['1e400', '-1e400', '1e-400', '123456789012345', '1234567890123456', '9007199254740993', '0.1234567890123456789'],
  ...[
    'NaN',
    'Infinity',
    ' 1',
    '1 ',
    'true',
    'TRUE',
    'False',
    'null',
    '"',
    'a"b',
    'a,b',
    'a\nb',
    'a\r\nb',
    '\r',
    'é',
    '😀',
    "'1",
  ],
];
const texts = fc.oneof(
  fc.constantFrom(...oddTexts),
  fc.double().map(String),
  fc.tuple(fc.integer(), fc.nat(99_999)).map(([whole, decimals]) => `${whole}.${decimals}`),
);
const layout = fc.record({
  order: fc.infiniteStream(fc.nat()),
  isQuoted: fc.infiniteStream(fc.boolean()),
  lineBreak: fc.infiniteStream(fc.constantFrom('\n', '\r\n')),
  endsWithLineBreak: fc.boolean(),
  hasBom: fc.boolean(),
  /** Omit columns whose cells are all missing, if the contract allows it. */
  leavesOut: fc.boolean(),
  sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
});

/** Rows with texts as cells, most of them valid. */
const tables = requests.chain(({ all, rows }) =>
  fc.record({
    all: fc.constant(all),
    type: fc.constantFrom<InputType>('float32', 'float64'),
    layout,
    rows: fc.tuple(
      ...rows.map(({ cells }) =>
        fc.tuple(
          ...cells.map((cell, at) =>
            fc.oneof(
              { weight: 20, arbitrary: fc.constant(cell === null ? '' : String(cell)) },
              { weight: 1, arbitrary: texts },
              { weight: 1, arbitrary: all[at]!.bad.map(String) },
            ),
          ),
        ),
      ),
    ),
  }),
);

/** The cell as JSON, in the simplest implementation; undefined if omitted. */
function toJson({ type }: Feature, text: string): unknown {
  if (text === '') return undefined;
  if (type === 'category') return text;
  if (type === 'boolean' && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && text === text.trim() ? value : text;
  } catch {
    return text;
  }
}

type Layout = typeof layout extends fc.Arbitrary<infer T> ? T : never;

function toCsv(all: readonly Column[], rows: readonly (readonly string[])[], form: Layout): Buffer {
  const canLeaveOut = (at: number) => all[at]!.feature.missing !== 'reject' && rows.every((cells) => cells[at] === '');
  const order = all
    .map((_, at) => ({ at, rank: form.order.next().value as number }))
    .filter(({ at }) => !(form.leavesOut && canLeaveOut(at)))
    .sort((a, b) => a.rank - b.rank);
  const toCell = (text: string) =>
    form.isQuoted.next().value || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = [all.map(({ feature }) => feature.name), ...rows].map((cells) =>
    order.map(({ at }) => toCell(cells[at]!)).join(','),
  );
  const text = lines.map((line, at) => {
    const { value: lineBreak } = form.lineBreak.next() as { value: string };
    const isCut = at === lines.length - 1 && !form.endsWithLineBreak && line !== '';
    return isCut ? line : line + lineBreak;
  });
  return Buffer.from((form.hasBom ? '\ufeff' : '') + text.join(''));
}

describe('rows in CSV', () => {
  test('give the same matrix or errors as the same rows in JSON, however they are written and split', () => {
    let taken = 0;
    fc.assert(
      fc.property(tables, ({ all, rows, type, layout: form }) => {
        // A header needs at least one name.
        fc.pre(!form.leavesOut || all.some((_, at) => rows.some((cells) => cells[at] !== '')));
        const features = all.map(({ feature }) => feature);
        const preprocessor = new Preprocessor(features, type, 10);
        const named = rows.map((cells) =>
          Object.fromEntries(
            features
              .map((feature, at): [string, unknown] => [feature.name, toJson(feature, cells[at]!)])
              .filter(([, value]) => value !== undefined),
          ),
        );

        const found = outcomeOf(() => readCsv(preprocessor, toCsv(all, rows, form), form.sizes));

        expect(found).toEqual(outcomeOf(() => preprocessor.preprocess(named)));
        if (typeof found === 'object' && found !== null && 'data' in found) taken += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('from a real file are encoded bit for bit like the same rows in JSON', () => {
    const { features } = readContract('resources/models/nsl-kdd-classifier', { inputType: 'float32', width: 41 });
    const preprocessor = new Preprocessor(features, 'float32', 10_000);
    const path = 'test/fixtures/nsl-kdd/rows.csv';
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(',').slice(0, -2).join(','));

    const expected = preprocessor.preprocess(readConnections(path).map(({ list }) => list));

    expect(expected.rows).toBe(200);
    for (const lineBreak of ['\n', '\r\n'])
      for (const size of [1, 7, 100_000])
        expect(readCsv(preprocessor, Buffer.from(lines.join(lineBreak)), [size])).toEqual(expected);
  });
});

const small = new Preprocessor(
  [
    { name: 'x', type: 'number', missing: 7 },
    {
      name: 'c',
      type: 'category',
      categories: ['a', 'é,', 'b"', 'l\nl'].map((category, encoding) => ({ category, encoding })),
      unknown: 'a',
      missing: 'a',
    },
  ],
  'float64',
  50,
);

describe('hostile bytes', () => {
  const pieces = [
    '1,a\n',
    '2.5,"é,"\r\n',
    ',"b"""\n',
    'a',
    '1',
    '-',
    '.',
    ',',
    ',',
    '"',
    '"',
    '""',
    '\n',
    '\n',
    '\r\n',
    '\r',
    ' ',
    '\0',
    'é',
    'e',
    '\ufeff',
  ];
  const bytes = fc
    .array(
      fc.oneof(
        fc.constantFrom(...pieces).map((text) => Buffer.from(text)),
        fc.constantFrom(0xff, 0xc3, 0x80).map((byte) => Buffer.from([byte])),
      ),
      { maxLength: 24 },
    )
    .map((parts) => Buffer.concat([Buffer.from('x,c\n'), ...parts]));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 });

  test('give the same result however they are split; whatever is accepted, csv-parse reads the same', () => {
    let taken = 0;
    fc.assert(
      fc.property(bytes, sizes, (body, cut) => {
        const whole = outcomeOf(() => readCsv(small, body, [1_000]));

        expect(outcomeOf(() => readCsv(small, body, cut))).toEqual(whole);
        if (typeof whole !== 'object' || whole === null || !('data' in whole)) {
          expect(whole).toMatchObject({ status: 400, code: expect.stringMatching(/^invalid_(?:csv|rows)$/) });
          return;
        }
        taken += 1;
        const records: string[][] = parse(body, { record_delimiter: ['\r\n', '\n'] });
        const [, ...cells] = records;
        expect(whole).toEqual(
          small.preprocess(cells.map(([x = '', c = '']) => [x === '' ? null : Number(x), c === '' ? null : c])),
        );
      }),
      { numRuns: 5_000, examples: [[Buffer.from('x,c\n,""\r'), [1]]] },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
