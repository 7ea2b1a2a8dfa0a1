import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { category, good, withContract, number, refusal, withFeature } from '../support/broken-folders.ts';
import { contractOf, startModels, writeModelFolders } from '../support/model-folders.ts';
import { buildModel, identityModel } from '../support/onnx-builder.ts';
import { startService } from '../support/service.ts';

const { onnx } = good;

describe('the model folder stops the start', () => {
  test('two models of the same name', async () => {
    expect(await refusal({ one: good, two: good })).toBe('/two: another folder has a model called "m"');
  });

  test('no model', async () => {
    expect(await refusal({})).toBe(': contains no model folder');
  });

  test('a default model that does not exist', async () => {
    expect(await refusal({ m: good }, 'n')).toBe(': contains no model "n" (MLAPI_DEFAULT_MODEL)');
  });

  test('a number of labels other than the number of score columns', async () => {
    const output = { kind: 'class_scores', labels: ['a', 'b', 'c'] };
    expect(await refusal({ m: withContract({ output }) })).toContain(
      'the output has 2 columns, but the contract has 3 labels',
    );
  });

  test('a missing folder, tested through the whole start', async () => {
    const start = startService({ MLAPI_MODELS_DIR: '/nonexistent/models' });

    await expect(start).rejects.toThrow('/nonexistent/models: the model folder cannot be read');
  });
});

describe('200: accepted contents of a folder', () => {
  test('encoding.csv with columns in another order, extra ones, a BOM and empty lines', async () => {
    const encoding = '\uFEFFnote,encoding,category,name,column\r\n"a, note",4,"x, y",b,1\r\n\r\n,5,z,b,1\r\n';
    const service = await startModels({ m: withFeature(category('b'), encoding) });

    const { body } = await service
      .predict('m', [
        [1, 'X, Y'],
        [2, 'Z'],
      ])
      .expect(200);

    expect(body.predictions).toEqual([
      [1, 4],
      [2, 5],
    ]);
    await service.close();
  });

  test('files beside the folders, and hidden folders, are ignored', async () => {
    const modelsDir = writeModelFolders({ m: good, '.m.17.tmp': {} });
    writeFileSync(join(modelsDir, 'README.md'), 'models');
    mkdirSync(join(modelsDir, '..2026_data'));
    const service = await startModels(modelsDir);

    await service.predict('m', [[1, 2]]).expect(200);

    expect(service.services.predictors.list()).toHaveLength(1);
    await service.close();
  });

  test('bounds without a sample: the generated sample is within them', async () => {
    const features = [
      number('a', { min: 5 }),
      number('b', { min: 0.2, max: 0.7 }),
      number('c', { max: -1.5 }),
      { name: 'd', type: 'integer', min: 0.5 },
    ];
    const service = await startModels({ m: { onnx: identityModel(4), contract: contractOf('m', features) } });

    const { body } = await service.information('m').expect(200);

    expect(body.sample).toEqual({ a: 5, b: 0.2, c: -2, d: 1 });
    await service.close();
  });

  test('an open input width is set by model.json', async () => {
    const open = buildModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 'F'] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      outputs: [{ name: 'y', type: 'float32' }],
    });
    const service = await startModels({ m: { onnx: open, contract: good.contract } });

    const { body } = await service.predict('m', [[1, 2]]).expect(200);

    expect(body.predictions).toEqual([[1, 2]]);
    await service.close();
  });

  test('the default model is the configured one, or the only one; otherwise there is none', async () => {
    const two = { m: good, n: { onnx, contract: contractOf('n', [number('a'), number('b')]) } };
    const only = await startModels({ m: good });
    const named = await startModels(two, { MLAPI_DEFAULT_MODEL: 'n' });
    const open = await startModels(two);

    expect(only.services.predictors.default().contract.name).toBe('m');
    expect(named.services.predictors.default().contract.name).toBe('n');
    expect(() => open.services.predictors.default()).toThrow(/No default model is set/);
    await Promise.all([only.close(), named.close(), open.close()]);
  });
});
