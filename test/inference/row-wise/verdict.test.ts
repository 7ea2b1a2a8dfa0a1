import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ModelWrapper } from '../../../mlapi/inference/execution/model-wrapper.ts';
import { proveRowWise } from '../../../mlapi/inference/row-wise/prove.ts';
import type { Predictor } from '../../../mlapi/inference/serving/predictor.ts';
import { attribute, graph, model, negative, node, tensor, value } from '../../support/hostile-onnx.ts';
import { bytes, identityModel, varint } from '../../support/onnx-builder.ts';
import { loadPredictor } from '../../support/predictors.ts';
import { patientContract, spyingModel } from '../../support/row-mixing.ts';
import { temporaryFolder } from '../../support/service.ts';

const path = join(temporaryFolder(), 'model.onnx');
const prove = async (onnx: Uint8Array): Promise<string | null | undefined> => {
  writeFileSync(path, onnx);
  return (await proveRowWise(path, ['y'])).y;
};

describe('common exports can share runs', () => {
  // The other fixture takes a single image, not rows.
  const fixtures = ['diabetes', 'iris', 'iris-named'].map((name) => `test/fixtures/${name}`);
  const shipped = readdirSync('resources/models').map((name) => `resources/models/${name}`);

  test.each([...shipped, ...fixtures])('%s', async (folder) => {
    const file = join(folder, 'model.onnx');
    const wrapper = await ModelWrapper.load(file);
    const outputs = wrapper.metadata.outputs.map(({ name }) => name);
    await wrapper.release();

    expect(await proveRowWise(file, outputs)).toEqual(Object.fromEntries(outputs.map((name) => [name, null])));
  });
});

describe('the verdict in the model’s metadata', () => {
  let predictor: Predictor | undefined;
  afterEach(() => predictor?.release());

  test('unproved, with operator and node; then requests do not wait for others', async () => {
    const contract = patientContract('m', 2, { maxWaitMicroseconds: 1_000_000 });
    const watched = await loadPredictor({ onnx: spyingModel, contract }, { predictTimeoutMs: 500 });
    predictor = watched.predictor;

    expect(predictor.information()).toMatchObject({
      rowWise: 'unproved',
      rowWiseReason: 'ReduceSum "total": it works along axis 0, the row axis',
    });
    // Waiting would exceed the time limit: 504.
    expect(await Promise.all([watched.predict([[1, 2]], 'a'), watched.predict([[3, 4]], 'a')])).toEqual([
      [[0, 0]],
      [[0, 0]],
    ]);
    expect(watched.runs.map(({ requests }) => requests)).toEqual([1, 1]);
  });

  test('vouched for by the operator; proved takes precedence', async () => {
    const contract = patientContract('m', 2, { rowWise: true });
    predictor = (await loadPredictor({ onnx: spyingModel, contract })).predictor;
    expect(predictor.verdict).toEqual({ rowWise: 'vouched' });
    await predictor.release();

    predictor = (await loadPredictor({ onnx: identityModel(2), contract })).predictor;
    expect(predictor.verdict).toEqual({ rowWise: 'proved' });
  });
});

/** The shape [1, -1], whose first axis is no longer the row axis. */
const oneRow = (name: string) => attribute(name, 7, varint(8, 1), negative(8, -1n));
/** The shape [0, 1], which keeps the row axis. */
const keptRows = attribute(
  'value',
  4,
  bytes(5, [varint(1, 2), varint(2, 7), bytes(9, Buffer.from(BigInt64Array.of(0n, 1n).buffer))]),
);

/** Reshapes rows by a Constant, sums each, and reshapes the sums so that they look like rows. */
function reshapedBy(...attributes: readonly (readonly ReturnType<typeof varint>[])[]): Buffer {
  const nodes = [
    node({ op: 'Constant', inputs: [], outputs: ['shape'], attributes: attributes.map((each) => [...each]) }),
    node({ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['shaped'] }),
    node({ op: 'ReduceSum', inputs: ['shaped', 'axes'], outputs: ['sums'] }),
    node({ op: 'Sub', inputs: ['x', 'sums'], outputs: ['y'] }),
  ];
  const axes = [varint(1, 1), varint(2, 7), bytes(8, 'axes'), bytes(9, Buffer.from(BigInt64Array.of(1n).buffer))];
  return model({ graph: graph({ nodes, more: [bytes(5, axes)] }) });
}

test('a Constant with a single attribute is evaluated', async () => {
  expect(await prove(reshapedBy(keptRows))).toBeNull();
});

describe('a file crafted to be parsed differently than by the runtime is unproved', () => {
  const relu = node();
  test.each<[string, Buffer]>([
    ['two graphs, which a parser merges', model({ more: [bytes(7, graph())] })],
    ['local functions', model({ more: [bytes(25, [bytes(1, 'Relu')])] })],
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
    ['a Constant of another attribute before its value', reshapedBy(oneRow('note'), keptRows)],
    ['a Constant of two values', reshapedBy(oneRow('value_ints'), keptRows)],
    [
      'a Constant with a tensor in its field and a list as its type',
      reshapedBy([...oneRow('value'), ...keptRows.slice(1, -1)]),
    ],
    ['a Constant with a number as its name and a list as its type', reshapedBy(oneRow('value_int'))],
    [
      'an attribute of another type than the operator has',
      model({ graph: graph({ nodes: [node({ op: 'Softmax', attributes: [attribute('axis', 1, varint(3, 1))] })] }) }),
    ],
    [
      "an attribute that refers to a function's",
      model({
        graph: graph({
          nodes: [node({ op: 'Softmax', attributes: [attribute('axis', 2, varint(3, 1), bytes(21, 'axis'))] })],
        }),
      }),
    ],
    ['sparse tensors', model({ graph: graph({ more: [bytes(15, [])] }) })],
    [
      'a name that is not UTF-8',
      model({ graph: graph({ nodes: [node({ inputs: ['x'], outputs: ['y'], name: '\ufffd' })] }) }),
    ],
    ['a truncated file', model().subarray(0, -9)],
    ['a file that is not ONNX', Buffer.from('not ONNX at all')],
  ])('%s', async (_, onnx) => {
    expect(await prove(model())).toBeNull();
    expect(await prove(onnx)).toEqual(expect.any(String));
  });

  test('a constant that is also an input is a constant, because callers cannot send it', async () => {
    const more = [bytes(5, tensor('w', [1], 1))];
    const inputs = [value('x'), value('w', [1])];
    const nodes = [node({ op: 'Add', inputs: ['x', 'w'] })];

    expect(await prove(model({ graph: graph({ nodes, inputs, more }) }))).toBeNull();
  });

  test('a large tensor is skipped, not read', async () => {
    const more = [bytes(5, tensor('w', [1, 4_000_000], 4_000_000))];
    const nodes = [node({ op: 'Add', inputs: ['x', 'w'] })];

    expect(await prove(model({ graph: graph({ nodes, more }) }))).toBeNull();
  });
});
