import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ModelWrapper } from '../../../mlapi/inference/model-wrapper.ts';
import type { Predictor } from '../../../mlapi/inference/predictor.ts';
import { proveRowWise } from '../../../mlapi/inference/row-wise/prove.ts';
import { graph, model, node, tensor, value } from '../../support/hostile-onnx.ts';
import { bytes, identityModel, varint } from '../../support/onnx-builder.ts';
import { loadPredictor } from '../../support/predictors.ts';
import { patientContract, spyingModel } from '../../support/row-mixing.ts';
import { temporaryFolder } from '../../support/service.ts';

const path = join(temporaryFolder(), 'model.onnx');
const prove = async (onnx: Uint8Array): Promise<string | null | undefined> => {
  writeFileSync(path, onnx);
  return (await proveRowWise(path, ['y'])).y;
};

describe('exports that are served today share their runs', () => {
  // Another fixture takes one image, and no rows.
  const fixtures = ['diabetes', 'iris', 'iris-named'].map((name) => `test/fixtures/${name}`);
  const shipped = readdirSync('resources/models').map((name) => `resources/models/${name}`);

  test.each([...shipped, ...fixtures])('%s', async (folder) => {
    const file = join(folder, 'model.onnx');
    const wrapper = await ModelWrapper.load(file);
    const outputs = wrapper.facts.outputs.map(({ name }) => name);
    await wrapper.release();

    expect(await proveRowWise(file, outputs)).toEqual(Object.fromEntries(outputs.map((name) => [name, null])));
  });
});

describe('what a model says of itself', () => {
  let predictor: Predictor | undefined;
  afterEach(() => predictor?.release());

  test('unproved, with the operator and the node; then no request waits for company', async () => {
    const contract = patientContract('m', 2, { maxWaitMicroseconds: 1_000_000 });
    const watched = await loadPredictor({ onnx: spyingModel, contract }, { predictTimeoutMs: 500 });
    predictor = watched.predictor;

    expect(predictor.information()).toMatchObject({
      rowWise: 'unproved',
      rowWiseReason: 'ReduceSum "total": it works along axis 0, where the rows are',
    });
    // A request that waited would be late: 504.
    expect(await Promise.all([watched.predict([[1, 2]], 'a'), watched.predict([[3, 4]], 'a')])).toEqual([
      [[0, 0]],
      [[0, 0]],
    ]);
    expect(watched.runs.map(({ requests }) => requests)).toEqual([1, 1]);
  });

  test('vouched for by the operator; and proved, whatever the operator says', async () => {
    const contract = patientContract('m', 2, { rowWise: true });
    predictor = (await loadPredictor({ onnx: spyingModel, contract })).predictor;
    expect(predictor.verdict).toEqual({ rowWise: 'vouched' });
    await predictor.release();

    predictor = (await loadPredictor({ onnx: identityModel(2), contract })).predictor;
    expect(predictor.verdict).toEqual({ rowWise: 'proved' });
  });
});

describe('a file that is made to be read otherwise than the runtime reads it is unproved', () => {
  const relu = node();
  test.each<[string, Buffer]>([
    ['two graphs, which a parser merges', model({ more: [bytes(7, graph())] })],
    ['functions of its own', model({ more: [bytes(25, [bytes(1, 'Relu')])] })],
    [
      'two versions of an operator set',
      model({
        opsets: [
          ['', 17],
          ['ai.onnx', 11],
        ],
      }),
    ],
    ['an operator set that is newer than the rules', model({ opsets: [['', 27]] })],
    ['no operator set', model({ opsets: [] })],
    ['an operator of another domain', model({ graph: graph({ nodes: [node({ domain: 'com.microsoft' })] }) })],
    ['two values of one name', model({ graph: graph({ nodes: [relu, relu] }) })],
    ['a constant under the name of a value', model({ graph: graph({ more: [bytes(5, tensor('y', [1], 1))] }) })],
    ['an input under the name of no value', model({ graph: graph({ nodes: [node({ inputs: ['z'] })] }) })],
    ['a fixed number of rows', model({ graph: graph({ inputs: [value('x', [4, 1])] }) })],
    [
      'an input without rank',
      model({ graph: graph({ inputs: [[bytes(1, 'x'), bytes(2, [bytes(1, [varint(1, 1)])])]] }) }),
    ],
    ['sparse tensors', model({ graph: graph({ more: [bytes(15, [])] }) })],
    [
      'a name that is no UTF-8',
      model({ graph: graph({ nodes: [node({ inputs: ['x'], outputs: ['y'], name: '\ufffd' })] }) }),
    ],
    ['a file that ends in the middle', model().subarray(0, -9)],
    ['no file of this kind', Buffer.from('not ONNX at all')],
  ])('%s', async (_, onnx) => {
    expect(await prove(model())).toBeNull();
    expect(await prove(onnx)).toEqual(expect.any(String));
  });

  test('a constant that is an input, too, is one: no caller can send it', async () => {
    const more = [bytes(5, tensor('w', [1], 1))];
    const inputs = [value('x'), value('w', [1])];
    const nodes = [node({ op: 'Add', inputs: ['x', 'w'] })];

    expect(await prove(model({ graph: graph({ nodes, inputs, more }) }))).toBeNull();
  });

  test('a large tensor is passed over, not read', async () => {
    const more = [bytes(5, tensor('w', [1, 4_000_000], 4_000_000))];
    const nodes = [node({ op: 'Add', inputs: ['x', 'w'] })];

    expect(await prove(model({ graph: graph({ nodes, more }) }))).toBeNull();
  });
});
