import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { csvResponse } from '../../../mlapi/inference/csv/response.ts';
import { contractOf, startModels, type ModelFolder, type ModelService } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';

const hostile = [
  '=1+1',
  '+x',
  '-x',
  '@SUM(A1)',
  '\tx',
  '\rx',
  '\0x',
  '-1',
  '-1.5e3',
  'a,b',
  'say "x"',
  '=a,"b"',
  'l\nl',
  'é',
];

/** A model that returns its rows, with this output contract. */
function echo(name: string, width: number, output: object): [string, ModelFolder] {
  const features = Array.from({ length: width }, (_, index) => ({ name: `f${index}`, type: 'number' }));
  return [name, { onnx: identityModel(width), contract: contractOf(name, features, { output }) }];
}

let service: ModelService;
beforeAll(async () => {
  const perClass = { kind: 'class_scores', scores: 'per-class' };
  service = await startModels(
    Object.fromEntries([
      echo('three', 3, { ...perClass, labels: ['a', 'b', 'c'] }),
      echo('bare', 2, perClass),
      echo('twins', 2, { ...perClass, labels: ['1', 1] }),
      echo('binary', 1, { kind: 'class_scores', scores: 'positive-class', labels: ['no', 'yes'] }),
      echo('anomaly', 1, { kind: 'anomaly_scores', labels: ['normal', 'anomaly'] }),
      echo('value', 1, { kind: 'values' }),
      echo('values', 3, { kind: 'values' }),
      echo('hostile', hostile.length, { ...perClass, labels: hostile }),
    ]),
  );
});
afterAll(() => service.close());

const csvType = 'text/csv; charset=utf-8; header=present';
const oneHot = hostile.map((_, at) => hostile.map((__, column) => Number(column === at)));

describe('Accept: text/csv', () => {
  test.each([
    [
      'three',
      '',
      [
        [0, 1, 0],
        [0.5, -2, 0],
      ],
      ['prediction', 'b', 'a'],
    ],
    [
      'three',
      '?scores=true',
      [
        [0, 1, 0],
        [0.5, -2, 0],
      ],
      ['prediction,score_a,score_b,score_c', 'b,0,1,0', 'a,0.5,-2,0'],
    ],
    ['bare', '?scores=true', [[0, 1]], ['prediction,score_0,score_1', '1,0,1']],
    ['twins', '?scores=true', [[0, 1]], ['prediction,score_0,score_1', '1,0,1']],
    ['binary', '?scores=true', [[0.75], [0.25]], ['prediction,score', 'yes,0.75', 'no,0.25']],
    ['anomaly', '?scores=true', [[-1], [1]], ['prediction,score', 'anomaly,-1', 'normal,1']],
    ['value', '', [[-1], [-0], [1e30]], ['prediction', '-1', '0', '1.0000000150474662e+30']],
    ['values', '', [[-1, 2, 3]], ['prediction_0,prediction_1,prediction_2', '-1,2,3']],
    [
      'values',
      '?scores=true',
      [[1, 2, 3]],
      ['prediction_0,prediction_1,prediction_2,score_0,score_1,score_2', '1,2,3,1,2,3'],
    ],
  ])('200: %s%s has one line per row', async (model, query, rows, lines) => {
    const { text } = await service
      .predict(model, rows, query)
      .set('accept', 'text/csv')
      .expect(200)
      .expect('content-type', csvType);

    expect(text).toBe(`${lines.join('\r\n')}\r\n`);
  });

  test('200: text cannot be a formula (ASVS 1.2.10), numbers are unchanged, and cells are quoted as in RFC 4180', async () => {
    const { text } = await service.predict('hostile', oneHot).set('accept', 'text/csv').expect(200);

    expect(text).toBe(
      [
        ...['prediction', "'=1+1", "'+x", "'-x", "'@SUM(A1)", "'\tx", `"'\rx"`, "'\0x", '-1', '-1.5e3'],
        ...['"a,b"', '"say ""x"""', `"'=a,""b"""`, '"l\nl"', 'é', ''],
      ].join('\r\n'),
    );
  });

  test('200: labels in the header are quoted too', async () => {
    const { text } = await service.predict('hostile', oneHot, '?scores=true').set('accept', 'text/csv').expect(200);

    expect(text.startsWith('prediction,score_=1+1,score_+x,')).toBe(true);
    expect(text).toContain(',"score_a,b","score_say ""x""",');
  });

  test('200: CSV in, CSV out, in the order of the rows, over many chunks', async () => {
    const rows = 10_000;
    const lines = Array.from({ length: rows }, (_, row) => String(row));

    const { text } = await service
      .predict('value', `f0\n${lines.join('\n')}\n`)
      .set('content-type', 'text/csv')
      .set('accept', 'text/csv')
      .expect(200);

    expect(text).toBe(`prediction\r\n${lines.join('\r\n')}\r\n`);
  });

  test('400, 415: errors are problem+json', async () => {
    await service
      .predict('value', [['x']])
      .set('accept', 'text/csv')
      .expect(400)
      .expect('content-type', 'application/problem+json');
    await service
      .predict('value', 'x')
      .set('content-type', 'a/b')
      .set('accept', 'text/csv')
      .expect(415)
      .expect('content-type', 'application/problem+json');
  });
});

describe('Accept: the preferred of the two types', () => {
  test.each<[accept: string, isCsv: boolean]>([
    ['text/csv', true],
    ['TEXT/CSV;header=present', true],
    ['text/*', true],
    ['text/csv, */*', true],
    ['text/csv, application/json;q=0.9', true],
    ['application/json;q=0.5, text/csv; q=0.501', true],
    ['*/*;q=0.1, text/csv;q=1.000', true],
    ['application/json;q=0, */*', true],
    ['text/csv, application/json', false],
    ['application/json, text/csv', false],
    ['text/csv;q=0.5, application/json', false],
    ['*/*', false],
    ['text/csv;q=0.5, */*', false],
    ['text/csv;q=0', false],
    ['text/csv;q=0, */*;q=0', false],
    ['text/csv;q=x', false],
    ['text/csv;q=1.5', false],
    ['text/csvx', false],
    ['image/png', false],
    ['application/json;q=0', false],
    ['', false],
    [`${'*/*;'.repeat(2_000)}q`, false],
  ])('200: %s', async (accept, isCsv) => {
    const { headers } = await service
      .predict('value', [[1]])
      .set('accept', accept)
      .expect(200);

    expect(headers['content-type']).toBe(isCsv ? csvType : 'application/json');
  });
});

test('a long response is generated in chunks, even if one row is long', () => {
  const scores = Array(2).fill(Array(200_000).fill(0.25)) as number[][];
  const pieces = [...csvResponse({ model: 'm', version: '1', predictions: ['a', 'b'], scores }).chunks!].map(String);

  const [names = '', first = ''] = pieces.join('').split('\r\n');
  expect(names.split(',').slice(0, 3)).toEqual(['prediction', 'score_0', 'score_1']);
  expect(first.split(',')).toHaveLength(200_001);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(20_000);
});
