import { afterEach, describe, expect, test } from '@jest/globals';
import { Counter } from '../../../mlapi/models/traffic/counter.ts';
import { InputBins } from '../../../mlapi/models/traffic/input-bins.ts';
import { PerPeriod } from '../../../mlapi/models/traffic/per-period.ts';
import { WatchedPredictor } from '../../../mlapi/models/traffic/watched-predictor.ts';
import { contractOf, type ModelFolder } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { loadPredictor, type WatchedPredictor as Loaded } from '../../support/predictors.ts';

let model: Loaded;
let isReleased = false;
afterEach(() => (isReleased ? undefined : model.predictor.release()));

const features = ['a', 'b'].map((name) => ({ name, type: 'number' }));
const folder: ModelFolder = {
  onnx: identityModel(2),
  contract: contractOf('m', features, { output: { kind: 'values', tensor: 'y' } }),
};
const rows = [
  [1, 2],
  [3, 4],
];
const tensors = [{ name: 'x', datatype: 'FP32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }];

describe('encode, run, decode', () => {
  test('rows: the steps in sequence return what predict returns', async () => {
    model = await loadPredictor(folder);
    const { predictor } = model;

    const matrix = await predictor.encode(rows);
    const output = await predictor.run(matrix);
    const response = predictor.decode(output, matrix.rows);

    expect([matrix.rows, matrix.width, Array.from<unknown>(matrix.data)]).toEqual([2, 2, [1, 2, 3, 4]]);
    expect(response).toEqual(await predictor.predict(rows));
  });

  test('tensors: the steps in sequence return what infer returns', async () => {
    model = await loadPredictor(folder);
    const { predictor } = model;

    const outputs = predictor.selectOutputs(['y']);
    const output = await predictor.run(predictor.encodeTensors(tensors), { client: 'ada' }, outputs);

    expect(predictor.decodeTensors(output, outputs)).toEqual(await predictor.infer(tensors, { outputs: ['y'] }));
  });

  test('a watched model counts requests, not single steps', async () => {
    model = await loadPredictor(folder);
    const counter = new Counter({ model: 'm', version: '1', role: 'primary' });
    const tally = new PerPeriod({ periods: 0 }, () => ({ counter, inputs: new InputBins({ features: [] }) }));
    const watched = new WatchedPredictor(model.predictor, { tally });

    const matrix = await watched.encode(rows);
    watched.decode(await watched.run(matrix), matrix.rows);
    const outputs = watched.selectOutputs(undefined);
    watched.decodeTensors(await watched.run(watched.encodeTensors(tensors), {}, outputs), outputs);
    expect(counter.total.requests.ok).toBe(0);

    await watched.predict(rows);
    await watched.infer(tensors);
    expect(() => watched.predict([['x']])).toThrow(expect.objectContaining({ status: 400 }));
    expect(counter.total).toMatchObject({ requests: { ok: 2, refused: 1, failed: 0 }, rows: 4 });
  });

  test('503: a released model runs nothing, even if encoded before', async () => {
    model = await loadPredictor(folder);
    const matrix = await model.predictor.encode(rows);
    await model.predictor.release();
    isReleased = true;
    expect(() => model.predictor.run(matrix)).toThrow(expect.objectContaining({ status: 503 }));
  });
});
