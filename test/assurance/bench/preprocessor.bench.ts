import { join } from 'node:path';
import Joi from 'joi';
import { readContract } from '../../../mlapi/inference/contract/contract.ts';
import type { Feature, NamedRow } from '../../../mlapi/inference/contract/types.ts';
import { ModelWrapper } from '../../../mlapi/inference/execution/model-wrapper.ts';
import { Preprocessor } from '../../../mlapi/inference/preprocessing/preprocessor.ts';
import { chooseOutput } from '../../../mlapi/inference/tensors/model-metadata.ts';

/*
 * The cost of validating and encoding, compared with the model itself and with a Joi schema on each cell. All in one process, in
 * alternating rounds, so that other load on the machine affects all alike.
 *
 *     npx tsx test/assurance/bench/preprocessor.bench.ts
 */
const rounds = 15;
const roundMs = 60;

const folder = join(import.meta.dirname, '../../../resources/models/nsl-kdd-classifier');
const model = await ModelWrapper.load(join(folder, 'model.onnx'));
const { features, sample, output } = readContract(folder, model.metadata);
const tensor = chooseOutput(model.metadata, output.tensor);
const preprocessor = new Preprocessor(features, model.metadata.inputType!, 10_000);
const schema = Joi.array()
  .ordered(...features.map(cellSchema))
  .length(features.length)
  .options({ convert: false });

const list = features.map(({ name }) => sample[name]);
const manyLists = Array.from({ length: 1_000 }, () => list);
const manyNamed = Array.from({ length: 1_000 }, (): NamedRow => ({ ...sample }));
const matrix = preprocessor.preprocess([list]);
const manyRows = preprocessor.preprocess(manyLists);

await compare('1 row', {
  'ours, list': () => preprocessor.preprocess([list]),
  'ours, named': () => preprocessor.preprocess(sample),
  'Joi on each cell': () => validate([list]),
  'model run': () => model.run(matrix, tensor),
});
await compare('1000 rows', {
  'ours, list': () => preprocessor.preprocess(manyLists),
  'ours, named': () => preprocessor.preprocess(manyNamed),
  'Joi on each cell': () => validate(manyLists),
  'model run': () => model.run(manyRows, tensor),
});
await model.release();

function validate(rows: readonly unknown[]): void {
  for (const row of rows) {
    const { error } = schema.validate(row);
    if (error) throw error;
  }
}

function cellSchema(feature: Feature): Joi.Schema {
  switch (feature.type) {
    case 'boolean':
      return Joi.valid(true, false, 0, 1).required();
    case 'category':
      return Joi.string()
        .valid(...feature.categories.map(({ category }) => category))
        .insensitive()
        .required();
    default: {
      const number = feature.type === 'integer' ? Joi.number().integer() : Joi.number();
      return number
        .min(feature.min ?? -Infinity)
        .max(feature.max ?? Infinity)
        .required();
    }
  }
}

/** Prints the median of each one's rounds in microseconds, their spread, and the ratio to the first. */
async function compare(title: string, tasks: Readonly<Record<string, () => unknown>>): Promise<void> {
  const samples = new Map(Object.keys(tasks).map((name) => [name, [] as number[]]));
  for (let round = -2; round < rounds; round += 1)
    for (const [name, task] of Object.entries(tasks)) {
      const microseconds = await time(task);
      if (round >= 0) samples.get(name)!.push(microseconds);
    }
  console.log(`\n${title}, ${features.length} features, ${rounds} rounds`);
  let first: number | undefined;
  for (const [name, values] of samples) {
    values.sort((a, b) => a - b);
    const at = (quantile: number) => values[Math.round(quantile * (values.length - 1))]!;
    first ??= at(0.5);
    const spread = `${at(0.1).toFixed(2)} to ${at(0.9).toFixed(2)}`;
    console.log(
      `${name.padEnd(18)}${at(0.5).toFixed(2).padStart(10)} µs  (${spread})  x ${(at(0.5) / first).toFixed(1)}`,
    );
  }
}

/** Microseconds per call, over one round. */
async function time(task: () => unknown): Promise<number> {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < roundMs) {
    for (let call = 0; call < 8; call += 1) {
      const result = task();
      if (result instanceof Promise) await result;
    }
    calls += 8;
  }
  return ((performance.now() - start) * 1_000) / calls;
}
