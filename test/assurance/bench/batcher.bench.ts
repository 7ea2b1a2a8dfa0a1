import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { prepareModel } from '../../../mlapi/inference/serving/prepare-model.ts';
import type { Matrix } from '../../../mlapi/inference/tensors/types.ts';

/*
 * The cost of a one-row prediction through the batcher, compared with a direct run: callers send the next request as soon as they
 * get a response. All in one process, in alternating rounds.
 *
 *     npx tsx test/assurance/bench/batcher.bench.ts
 */
const rounds = 9;
const roundMs = 100;

const folder = join(import.meta.dirname, '../../../resources/models/nsl-kdd-classifier');
const options = { maxRows: 10_000, processes: 1, predictTimeoutMs: 10_000 };
const model = await prepareModel(folder, options);
const session = await InferenceSession.create(model.path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const batcher = await model.open(options);
// The same without a model, so only the batcher's own cost is left.
const nothing = { data: new Float32Array(5), shape: [1, 5] };
const inputName = session.inputNames[0]!;
const { outputName, metadata } = model;
const sample = model.probe.sample as Matrix;

const ways = {
  'session.run': () => {
    const { data, rows, width } = sample;
    return session.run({ [inputName]: new Tensor(metadata.inputType!, data, [rows, width]) }, [outputName]);
  },
  batcher: () => batcher.run(sample),
  'setImmediate alone': () => new Promise((resolve) => setImmediate(() => resolve(nothing))),
};

for (const callers of [1, 4, 32, 256]) {
  const results = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, ask] of Object.entries(ways)) results.get(name)!.push(await measure(ask, callers));
  for (const [name, times] of results) {
    times.sort((a, b) => a - b);
    const [least, middle, most] = [times[0]!, times[rounds >> 1]!, times[rounds - 1]!];
    console.log(
      `${callers} callers, ${name}: ${middle.toFixed(2)} µs a request (${least.toFixed(2)} to ${most.toFixed(2)})`,
    );
  }
}
await batcher.release();

/** @returns microseconds per request */
async function measure(ask: () => Promise<unknown>, callers: number): Promise<number> {
  let asked = 0;
  const began = performance.now();
  const caller = async () => {
    while (performance.now() - began < roundMs) {
      await ask();
      asked += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (1_000 * (performance.now() - began)) / asked;
}
