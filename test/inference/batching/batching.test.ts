import { afterEach, describe, expect, test } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { contractOf, type ModelFolder } from '../../support/model-folders.ts';
import { buildModel, constantOf, identityModel, type ElementType, type Port } from '../../support/onnx-builder.ts';
import { loadPredictor, type WatchedPredictor } from '../../support/predictors.ts';

const x: Port = { name: 'x', type: 'float32', shape: ['N', 1] };
const one = [{ name: 'a', type: 'number' }];
const two = ['a', 'b'].map((name) => ({ name, type: 'number' }));

const echo: ModelFolder = { onnx: identityModel(2), contract: contractOf('m', two) };
const withBatching = (batching: object): ModelFolder => ({ ...echo, contract: contractOf('m', two, { batching }) });

/** Looks its row up in a table of five; a value outside the table fails the run. */
const lookUp: ModelFolder = {
  contract: contractOf('m', one),
  onnx: buildModel({
    inputs: [x],
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['table'], attributes: { value: constantOf([10, 11, 12, 13, 14]) } },
      { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: 7 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32' }],
  }),
};

let opened: WatchedPredictor | undefined;
async function open(...given: Parameters<typeof loadPredictor>): Promise<WatchedPredictor> {
  opened = await loadPredictor(...given);
  return opened;
}
afterEach(() => opened?.predictor.release());

const requestsOf = ({ runs }: WatchedPredictor) => runs.map(({ requests }) => requests);

describe('requests of the same event loop turn', () => {
  test('share one run, whoever sends them, and each gets its own rows', async () => {
    const model = await open(echo);
    const rows = Array.from({ length: 32 }, (_, caller) => [[caller, -caller - 1]]);

    const answers = await Promise.all(rows.map((row, caller) => model.predict(row, `client ${caller % 3}`)));

    expect(answers).toEqual(rows);
    expect(model.runs).toEqual([
      {
        model: 'm',
        version: '1',
        executor: 'inline',
        requests: 32,
        rows: 32,
        queueSeconds: expect.any(Number),
        runSeconds: expect.any(Number),
        outcome: 'ok',
      },
    ]);
  });

  test.each<[ElementType, object]>([
    ['float32', {}],
    ['float64', {}],
    ['int32', {}],
    ['int64', {}],
    ['float32', { batching: { maxRows: 7 } }],
    ['float32', { executor: 'child' }],
    ['int64', { executor: 'child', batching: { maxRows: 7 } }],
  ])('500 callers with different rows never get rows of others: %s %j', async (type, more) => {
    const model = await open({ onnx: identityModel(2, type), contract: contractOf('m', two, more) });
    const requests = Array.from({ length: 500 }, (_, caller) =>
      Array.from({ length: 1 + (caller % 9) }, (__, row) => [caller, row]),
    );

    const answers = await Promise.all(
      requests.map(async (rows, caller) => {
        for (let turn = caller % 4; turn > 0; turn -= 1) await nextTurn();
        return model.predict(rows, `client ${caller % 5}`);
      }),
    );

    expect(answers).toEqual(requests);
    expect(Math.max(...requestsOf(model))).toBeGreaterThan(1);
  });

  test('text labels from the model are distributed correctly too', async () => {
    const names = constantOf(['cat', 'dog', 'emu'], 'string');
    const model = await open({
      contract: contractOf('m', one, { output: { kind: 'class_scores' } }),
      onnx: buildModel({
        inputs: [x],
        nodes: [
          { op: 'Constant', inputs: [], outputs: ['names'], attributes: { value: names } },
          { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: 7 } },
          { op: 'Gather', inputs: ['names', 'index'], outputs: ['y'] },
        ],
        outputs: [{ name: 'y', type: 'string' }],
      }),
    });

    const answers = await Promise.all([model.predict([[2]]), model.predict([[0], [1]]), model.predict([[1]])]);

    expect(answers).toEqual([['emu'], ['cat', 'dog'], ['dog']]);
    expect(requestsOf(model)).toEqual([3]);
  });

  test('422: rows that fail a shared run fail only their own request', async () => {
    const model = await open(lookUp);
    const bad = new Set([3, 17, 18]);

    const answers = await Promise.allSettled(
      Array.from({ length: 24 }, (_, caller) => model.predict([[bad.has(caller) ? 99 : caller % 5]])),
    );

    for (const [caller, answer] of answers.entries()) {
      if (bad.has(caller)) expect(answer).toMatchObject({ reason: { status: 422, code: 'invalid_model_output' } });
      else expect(answer).toMatchObject({ value: [10 + (caller % 5)] });
    }
    // By halves, not one by one.
    expect(model.runs.length).toBeLessThan(24);
  });

  test('400: a row that the contract rejects fails before the run', async () => {
    const model = await open(echo);

    const answers = await Promise.allSettled([model.predict([[1, 2]]), model.predict([[1, 'x']])]);

    expect(answers).toMatchObject([{ value: [[1, 2]] }, { reason: { status: 400 } }]);
    expect(requestsOf(model)).toEqual([1]);
  });
});

describe('requests never share a run', () => {
  const reduceMax = { op: 'ReduceMax', inputs: ['x'], outputs: ['max'], attributes: { keepdims: 0 } };

  test.each<[string, Buffer, (value: number) => unknown]>([
    ['if the model takes one row', identityModel(1, 'float32', 1), (value) => value],
    [
      'if predictions depend on other rows',
      buildModel({
        inputs: [x],
        nodes: [reduceMax, { op: 'Sub', inputs: ['x', 'max'], outputs: ['y'] }],
        outputs: [{ name: 'y', type: 'float32' }],
      }),
      () => 0,
    ],
  ])('%s', async (_, onnx, wanted) => {
    const model = await open({ onnx, contract: contractOf('m', one) });
    const values = [5, 6, 7];

    expect(await Promise.all(values.map((value) => model.predict([[value]])))).toEqual(
      values.map((value) => [wanted(value)]),
    );
    expect(requestsOf(model)).toEqual([1, 1, 1]);
  });

  test('once an output had another shape than in the warm-up; the affected requests are computed again, alone', async () => {
    const ten = constantOf(10);
    const int64One = constantOf([1n], 'int64');
    // One column, or two if a value exceeds ten.
    const onnx = buildModel({
      inputs: [x],
      nodes: [
        reduceMax,
        { op: 'Constant', inputs: [], outputs: ['ten'], attributes: { value: ten } },
        { op: 'Constant', inputs: [], outputs: ['one'], attributes: { value: int64One } },
        { op: 'Greater', inputs: ['max', 'ten'], outputs: ['isGreater'] },
        { op: 'Cast', inputs: ['isGreater'], outputs: ['more'], attributes: { to: 7 } },
        { op: 'Reshape', inputs: ['more', 'one'], outputs: ['moreOnes'] },
        { op: 'Add', inputs: ['one', 'moreOnes'], outputs: ['columns'] },
        { op: 'Concat', inputs: ['one', 'columns'], outputs: ['repeats'], attributes: { axis: 0 } },
        { op: 'Tile', inputs: ['x', 'repeats'], outputs: ['y'] },
      ],
      outputs: [{ name: 'y', type: 'float32' }],
    });
    // The operator's rowWise is wrong for this model.
    const model = await open({ onnx, contract: contractOf('m', one, { batching: { rowWise: true } }) });
    const ask = (...values: number[]) => Promise.all(values.map((value) => model.predict([[value]])));

    expect(await ask(1, 2, 3)).toEqual([[1], [2], [3]]);
    expect(requestsOf(model)).toEqual([3]);
    expect(await ask(1, 20, 3)).toEqual([[1], [[20, 20]], [3]]);
    expect(await ask(1, 2)).toEqual([[1], [2]]);
    expect(requestsOf(model)).toEqual([3, 3, 1, 1, 1, 1, 1]);
  });
});

describe('batching in model.json', () => {
  test('no run has more than maxRows rows, and the response is complete', async () => {
    const model = await open(withBatching({ maxRows: 64 }));
    const rows = Array.from({ length: 1_000 }, (_, row) => [row, row + 0.5]);

    expect(await model.predict(rows)).toEqual(rows);
    expect(model.runs.map((run) => run.rows)).toEqual([...Array<number>(15).fill(64), 40]);
  });

  test('a request waits maxWaitMicroseconds for others', async () => {
    const model = await open(withBatching({ maxWaitMicroseconds: 100_000 }));

    const first = model.predict([[1, 1]]);
    await nextTurn();
    await nextTurn();
    const second = model.predict([[2, 2]]);

    expect(await Promise.all([first, second])).toEqual([[[1, 1]], [[2, 2]]]);
    expect(requestsOf(model)).toEqual([2]);
    expect(model.runs[0]!.queueSeconds).toBeGreaterThan(0.09);
  });

  test('a full run starts at once', async () => {
    const model = await open(withBatching({ maxRows: 2, maxWaitMicroseconds: 1_000_000 }));

    const first = model.predict([[1, 1]]);
    await nextTurn();
    await nextTurn();
    await Promise.all([first, model.predict([[2, 2]])]);

    expect(requestsOf(model)).toEqual([2]);
    expect(model.runs[0]!.queueSeconds).toBeLessThan(0.5);
  });
});

describe('clients take turns', () => {
  test('single rows of one client are computed between the thousands of another', async () => {
    const model = await open(withBatching({ maxRows: 100 }));
    const order: string[] = [];
    const large = Array.from({ length: 10_000 }, (_, row) => [row, 0]);

    const greedy = Array.from({ length: 3 }, async () => {
      expect(await model.predict(large, 'greedy')).toEqual(large);
      order.push('large');
    });
    await nextTurn();
    await nextTurn();
    for (let request = 0; request < 20; request += 1) {
      expect(await model.predict([[request, 1]], 'modest')).toEqual([[request, 1]]);
      order.push('small');
    }
    await Promise.all(greedy);

    expect(order).toEqual([...Array<string>(20).fill('small'), 'large', 'large', 'large']);
  });

  test('the event loop runs between the batches of a large request', async () => {
    const model = await open(withBatching({ maxRows: 10 }));
    const large = model.predict(Array.from({ length: 1_000 }, () => [1, 2]));
    let turns = 0;

    for (let isDone = false; !isDone; turns += 1)
      isDone = await Promise.race([large.then(() => true), nextTurn().then(() => false)]);

    expect(turns).toBeGreaterThanOrEqual(100);
  });
});
