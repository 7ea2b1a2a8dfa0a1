import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { InputTensor } from '../../../mlapi/inference/tensors/types.ts';
import { contractOf, type ModelFolder } from '../../support/model-folders.ts';
import { buildModel, constantOf, identityModel } from '../../support/onnx-builder.ts';
import { loadPredictor, type WatchedPredictor } from '../../support/predictors.ts';

let model: WatchedPredictor;
async function open(...given: Parameters<typeof loadPredictor>): Promise<void> {
  model = await loadPredictor(...given);
}
afterEach(() => model.predictor.release());

const features = [{ name: 'a', type: 'number' }];

/** Returns its rows as `y` and as text, a class number, and the maximum over all rows. */
function manyOutputs(withLargest: boolean, more: object = {}, rows: number | string = 'N'): ModelFolder {
  const onnx = buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: [rows, 1] }],
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['y'] },
      { op: 'Cast', inputs: ['x'], outputs: ['class'], attributes: { to: 7 } },
      { op: 'Cast', inputs: ['x'], outputs: ['text'], attributes: { to: 8 } },
      ...(withLargest ? [{ op: 'ReduceMax', inputs: ['x'], outputs: ['largest'], attributes: { keepdims: 0 } }] : []),
    ],
    outputs: [
      { name: 'class', type: 'int64', shape: [rows, 1] },
      { name: 'y', type: 'float32', shape: [rows, 1] },
      { name: 'text', type: 'string', shape: [rows, 1] },
      ...(withLargest ? [{ name: 'largest', type: 'float32' as const, shape: [] }] : []),
    ],
  });
  return { onnx, contract: contractOf('m', features, { output: { kind: 'values', tensor: 'y' }, ...more }) };
}

function rowsOf(...values: number[]): InputTensor[] {
  return [{ name: 'x', datatype: 'FP32', shape: [values.length, 1], data: Float32Array.from(values) }];
}

describe('raw tensors', () => {
  test.each([
    ['inline', {}, 'N'],
    ['in child processes', { executor: 'child' }, 'N'],
    ['one row at a time', {}, 1],
  ])('%s: all outputs are returned in the order of the model, or only the requested ones', async (_, more, rows) => {
    await open(manyOutputs(false, more, rows));

    const all = await model.predictor.infer(rowsOf(1, 2));
    expect(all.map(({ data, ...info }) => ({ ...info, data: Array.from<unknown>(data) }))).toEqual([
      { name: 'class', datatype: 'INT64', shape: [2, 1], data: [1n, 2n] },
      { name: 'y', datatype: 'FP32', shape: [2, 1], data: [1, 2] },
      { name: 'text', datatype: 'BYTES', shape: [2, 1], data: ['1', '2'] },
    ]);

    const named = await model.predictor.infer(rowsOf(3), { outputs: ['text', 'class'] });
    expect(named.map(({ name, data }) => [name, Array.from<unknown>(data)])).toEqual([
      ['text', ['3']],
      ['class', [3n]],
    ]);
  });

  test('share a run with each other and with predictions, and each gets its own rows', async () => {
    await open(manyOutputs(false));

    const answers = await Promise.all([
      model.predictor.infer(rowsOf(1, 2), { client: 'a' }),
      model.predict([[3]], 'b'),
      model.predictor.infer(rowsOf(4), { client: 'c', outputs: ['y'] }),
      model.predictor.infer(rowsOf(5), { client: 'a', outputs: ['class'] }),
    ]);

    expect(model.runs).toMatchObject([{ requests: 4, rows: 5 }]);
    const [first, second, third, fourth] = answers;
    expect(first.map(({ data }) => Array.from<unknown>(data))).toEqual([
      [1n, 2n],
      [1, 2],
      ['1', '2'],
    ]);
    expect(second).toEqual([3]);
    expect(third).toMatchObject([{ name: 'y', data: Float32Array.of(4) }]);
    expect(fourth).toMatchObject([{ name: 'class', data: BigInt64Array.of(5n) }]);
  });

  test('more rows than a run takes are returned completely', async () => {
    await open(manyOutputs(false, { batching: { maxRows: 3 } }));
    const values = Array.from({ length: 10 }, (_, index) => index);

    const [classes, y] = await model.predictor.infer(rowsOf(...values));

    expect(model.runs.length).toBeGreaterThan(1);
    expect(Array.from<unknown>(classes!.data)).toEqual(values.map(BigInt));
    expect(y).toMatchObject({ shape: [10, 1], data: Float32Array.from(values) });
  });

  test('a request for an output over all rows runs alone; predictions still share runs', async () => {
    await open(manyOutputs(true));
    const largest = (run: Promise<readonly { name: string; data: ArrayLike<unknown> }[]>) =>
      run.then((outputs) => outputs.find(({ name }) => name === 'largest')?.data[0]);

    const answers = await Promise.all([
      model.predict([[7]], 'a'),
      model.predict([[8]], 'b'),
      largest(model.predictor.infer(rowsOf(1, 2), { client: 'a' })),
      largest(model.predictor.infer(rowsOf(5), { client: 'b' })),
      model.predict([[9]], 'c'),
    ]);

    expect(answers).toEqual([[7], [8], 2, 5, [9]]);
    await nextTurn();
    expect(model.runs.map(({ requests, rows }) => [requests, rows]).sort()).toEqual([
      [1, 1],
      [1, 2],
      [3, 3],
    ]);
  });

  test('a request that fails in a shared run fails alone', async () => {
    // 0 and 1 are the only valid indices.
    const onnx = buildModel({
      inputs: [{ name: 'x', type: 'int64', shape: ['N', 1] }],
      nodes: [
        { op: 'Constant', inputs: [], outputs: ['table'], attributes: { value: constantOf([10, 20]) } },
        { op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] },
        { op: 'Identity', inputs: ['x'], outputs: ['z'] },
      ],
      outputs: [
        { name: 'y', type: 'float32', shape: ['N', 1] },
        { name: 'z', type: 'int64', shape: ['N', 1] },
      ],
    });
    await open({ onnx, contract: contractOf('m', [{ name: 'a', type: 'integer', min: 0, max: 1 }]) });
    const infer = (value: bigint) =>
      model.predictor.infer([{ name: 'x', datatype: 'INT64', shape: [1, 1], data: BigInt64Array.of(value) }]);

    const [good, bad, prediction] = await Promise.allSettled([infer(1n), infer(9n), model.predict([[0]])]);

    expect(good).toMatchObject({ value: [{ data: Float32Array.of(20) }, { data: BigInt64Array.of(1n) }] });
    expect(bad).toMatchObject({ reason: { status: 422 } });
    expect(prediction).toMatchObject({ value: [10] });
  });

  const [input] = rowsOf(1);
  test.each<[string, InputTensor[], string[] | undefined]>([
    ['no input', [], undefined],
    ['another input', [{ ...input!, name: 'z' }], undefined],
    ['one input too many', [input!, { ...input!, name: 'z' }], undefined],
    ['another datatype', [{ ...input!, datatype: 'FP64', data: Float64Array.of(1) }], undefined],
    ['a row too wide', [{ ...input!, shape: [1, 2], data: Float32Array.of(1, 2) }], undefined],
    ['another rank', [{ ...input!, shape: [1] }], undefined],
    ['a third dimension', [{ ...input!, shape: [1, 1, 1] }], undefined],
    ['no rows', [{ ...input!, shape: [0, 1], data: new Float32Array(0) }], undefined],
    ['an unknown output', [input!], ['y', 'nothing']],
  ])('400: %s', async (_, inputs, outputs) => {
    await open({ onnx: identityModel(1), contract: contractOf('m', features) });

    expect(() => model.predictor.infer(inputs, { outputs })).toThrow(
      expect.objectContaining({ status: 400, code: 'invalid_tensors' }),
    );
    expect(model.runs).toEqual([]);
  });

  test('413: more rows than a request may have', async () => {
    await open({ onnx: identityModel(1), contract: contractOf('m', features) }, { maxRows: 2 });

    expect(() => model.predictor.infer(rowsOf(1, 2, 3))).toThrow(expect.objectContaining({ status: 413 }));
  });
});
