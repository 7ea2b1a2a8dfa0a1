import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Problem } from '../../mlapi/http/problem.ts';
import { Postprocessor } from '../../mlapi/inference/postprocessing/postprocessor.ts';
import { Preprocessor } from '../../mlapi/inference/preprocessing/preprocessor.ts';
import type { Feature, OutputContract } from '../../mlapi/inference/contract/types.ts';
import { constantOf, identityModel, switchModel } from '../support/onnx-builder.ts';
import { contractOf, startModels, type ModelFolder, type ModelService } from '../support/model-folders.ts';

interface RowsCase {
  readonly rows: unknown;
  readonly matrix?: number[][];
  readonly error?: true;
}
interface ScoresCase {
  readonly y: unknown;
  readonly rows: number;
  readonly classes?: number[];
  readonly labels?: (string | number)[];
  readonly predictions?: (string | number)[];
  readonly threshold?: number;
  readonly error?: true;
}

const preprocess = readVectors('preprocess') as { encoding: (string | number)[][]; cases: RowsCase[] };
const scores = {
  class_scores: (readVectors('class_scores') as { cases: ScoresCase[] }).cases,
  anomaly_scores: (readVectors('anomaly_scores') as { cases: ScoresCase[] }).cases,
};
const kinds = ['class_scores', 'anomaly_scores'] as const;

describe('preprocess.json', () => {
  const names = ['protocol', 'state'];
  const features = names.map((name): Feature => {
    const categories = preprocess.encoding
      .filter(([, of]) => of === name)
      .map(([, , category, encoding]) => ({ category: String(category), encoding: Number(encoding) }));
    return { name, type: 'category', categories, unknown: 'reject', missing: 'reject' };
  });
  const preprocessor = new Preprocessor(features, 'float32', 100);
  let service: ModelService;
  beforeAll(async () => {
    const contract = contractOf(
      'echo',
      names.map((name) => ({ name, type: 'category' })),
      { encoding: 'encoding.csv' },
    );
    service = await startModels({
      echo: { onnx: identityModel(2), contract, encoding: preprocess.encoding },
    });
  });
  afterAll(() => service.close());

  const cases = preprocess.cases.map((vector) => ({ ...vector, text: JSON.stringify(vector.rows) }));
  const accepted = cases.filter(({ error }) => error !== true);
  const refused = cases.filter(({ error }) => error === true);

  test('the file has the expected numbers of accepted and refused vectors', () => {
    expect([accepted.length, refused.length]).toEqual([7, 21]);
  });

  test.each(accepted)(
    '200: $text is encoded as expected, by the preprocessor and by the service',
    async ({ rows, matrix, text }) => {
      const { data, width } = preprocessor.preprocess(rows);
      expect({ data: [...data], width }).toEqual({ data: matrix!.flat(), width: 2 });

      const { body } = await service.predict('echo', text).expect(200);
      expect(body.predictions).toEqual(matrix);
    },
  );

  test.each(refused)('400: $text is refused', async ({ rows, text }) => {
    expect(() => preprocessor.preprocess(rows)).toThrow(Problem);

    const { body } = await service.predict('echo', text).expect(400).expect('content-type', 'application/problem+json');
    expect(body.code).toBe('invalid_rows');
    expect(body.errors.length).toBeGreaterThan(0);
  });
});

describe.each(kinds)('%s.json', (kind) => {
  const cases = scores[kind].map((vector, index) => ({ ...vector, index, text: JSON.stringify(vector.y) }));
  const outputOf = ({ labels, threshold }: ScoresCase): OutputContract => ({
    kind,
    ...(labels !== undefined && { labels }),
    ...(threshold !== undefined && { threshold }),
  });
  let service: ModelService;
  beforeAll(async () => {
    // The first constant is for the sample row of the warm-up; the second is the vector's output.
    const folders = cases.map((vector): [string, ModelFolder] => {
      const features = [{ name: 'which', type: 'number' }];
      const contract = contractOf(`case-${vector.index}`, features, { output: outputOf(vector) });
      return [`case-${vector.index}`, { onnx: switchModel([constantOf([[0]]), constantOf(vector.y)]), contract }];
    });
    service = await startModels(Object.fromEntries(folders));
  });
  afterAll(() => service.close());

  const accepted = cases.filter(({ error }) => error !== true);
  const refused = cases.filter(({ error }) => error === true);
  const rowsOf = ({ rows }: ScoresCase) => Array.from({ length: rows }, () => [1]);
  const tensorOf = ({ y }: ScoresCase) => {
    const { shape, values } = constantOf(y);
    return { shape, data: Float32Array.from(values, Number) };
  };

  test('the file has the expected numbers of accepted and refused vectors', () => {
    expect([accepted.length, refused.length]).toEqual(kind === 'class_scores' ? [25, 8] : [11, 4]);
  });

  test.each(accepted)('200: $text gives a prediction for each row', async (vector) => {
    const expected = vector.predictions ?? vector.classes;
    expect(new Postprocessor(outputOf(vector)).predictions(tensorOf(vector), vector.rows)).toEqual(expected);

    const { body } = await service.predict(`case-${vector.index}`, rowsOf(vector)).expect(200);
    expect(body.predictions).toEqual(expected);
  });

  test.each(refused)('422: $text is refused for $rows row(s)', async (vector) => {
    expect(() => new Postprocessor(outputOf(vector)).predictions(tensorOf(vector), vector.rows)).toThrow(Problem);

    const { body } = await service
      .predict(`case-${vector.index}`, rowsOf(vector))
      .expect(422)
      .expect('content-type', 'application/problem+json');
    expect(body.code).toBe('invalid_model_output');
    expect(body).not.toHaveProperty('predictions');
  });
});

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(join('test', 'vectors', `${name}.json`), 'utf8'));
}
