import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import { parseStrictJson } from '../../../mlapi/http/body/strict-json.ts';
import { readContract } from '../../../mlapi/inference/contract/contract.ts';
import { readCell } from '../../../mlapi/inference/csv/cells.ts';
import { CsvRows } from '../../../mlapi/inference/csv/rows.ts';
import { ModelWrapper } from '../../../mlapi/inference/execution/model-wrapper.ts';
import { Postprocessor } from '../../../mlapi/inference/postprocessing/postprocessor.ts';
import { Preprocessor } from '../../../mlapi/inference/preprocessing/preprocessor.ts';
import { chooseOutput } from '../../../mlapi/inference/tensors/model-metadata.ts';
import { readConnections } from '../../support/nsl-kdd.ts';

/*
 * The cost of 10,000 rows as CSV and as JSON, as multiples of JSON.parse of the same rows: parsing and encoding, then the steps
 * after it. All in one process, in alternating rounds, so that other load on the machine affects all alike.
 *
 *     npx tsx test/assurance/bench/csv.bench.ts
 */
const rounds = 15;
const rows = 10_000;
const chunkBytes = 65_536;

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'resources/models/nsl-kdd-classifier');
const model = await ModelWrapper.load(join(folder, 'model.onnx'));
const { features, output } = readContract(folder, model.metadata);
const tensor = chooseOutput(model.metadata, output.tensor);
const preprocessor = new Preprocessor(features, model.metadata.inputType!, rows);
const postprocessor = new Postprocessor(output);

const file = join(root, 'test/fixtures/nsl-kdd/rows.csv');
const connections = readConnections(file);
const lists = Array.from({ length: rows }, (_, row) => connections[row % connections.length]!.list);
const json = Buffer.from(JSON.stringify(lists));
const [header = '', ...lines] = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split(',').slice(0, -2).join(','));
const records = Array.from({ length: rows }, (_, row) => lines[row % lines.length]!);
const csv = Buffer.from(`${header}\n${records.join('\n')}\n`);
const quoted = Buffer.from(
  `${header}\n${records
    .map((line) =>
      line
        .split(',')
        .map((cell) => `"${cell}"`)
        .join(','),
    )
    .join('\n')}\n`,
);

const matrix = preprocessor.preprocess(lists);
const answered = await model.run(matrix, tensor);
const predictions = postprocessor.predictions(answered, rows);

const tasks: Readonly<Record<string, () => unknown>> = {
  'JSON.parse': () => JSON.parse(json.toString()) as unknown,
  'CSV: read and encode': () => readCsv(csv),
  'CSV, every cell quoted': () => readCsv(quoted),
  'CSV by csv-parse': () => readByLibrary(csv),
  'JSON: strict, encode': () => preprocessor.preprocess(parseStrictJson(json)),
  '  strict JSON alone': () => parseStrictJson(json),
  '  encode alone': () => preprocessor.preprocess(lists),
  'model run': () => model.run(matrix, tensor),
  predictions: () => postprocessor.predictions(answered, rows),
  'JSON.stringify': () => JSON.stringify({ predictions }),
};

const samples = new Map(Object.keys(tasks).map((name) => [name, [] as number[]]));
for (let round = -3; round < rounds; round += 1)
  for (const [name, task] of Object.entries(tasks)) {
    const startedAt = performance.now();
    await task();
    if (round >= 0) samples.get(name)!.push(performance.now() - startedAt);
  }
await model.release();

console.log(
  `${rows} rows of ${features.length} features, ${rounds} rounds; ${json.length} bytes of JSON, ${csv.length} of CSV`,
);
const [base = []] = samples.values();
for (const [name, values] of samples) {
  const ratios = values.map((value, round) => value / base[round]!);
  const at = (list: readonly number[], quantile: number) =>
    [...list].sort((a, b) => a - b)[Math.round(quantile * (list.length - 1))]!;
  const spread = `${at(ratios, 0.1).toFixed(2)} to ${at(ratios, 0.9).toFixed(2)}`;
  console.log(
    `${name.padEnd(26)}${at(values, 0.5).toFixed(2).padStart(8)} ms  x ${at(ratios, 0.5).toFixed(2)}  (${spread})`,
  );
}

function readCsv(bytes: Buffer): unknown {
  const reader = preprocessor.open(
    (encoders, options) => new CsvRows(encoders, options),
    () => undefined,
  );
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.write(bytes.subarray(at, at + chunkBytes));
  return reader.end();
}

/** The cost with a CSV library: the same cell parser and encoder on its records. */
async function readByLibrary(bytes: Buffer): Promise<unknown> {
  const parser = parse({ bom: true });
  const found: unknown[][] = [];
  const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject));
  let isHeader = true;
  parser.on('readable', () => {
    for (let record = parser.read() as string[] | null; record !== null; record = parser.read() as string[] | null) {
      if (!isHeader) found.push(record.map((text, at) => readCell(text, features[at]!.type)));
      isHeader = false;
    }
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.write(bytes.subarray(at, at + chunkBytes));
  parser.end();
  await ended;
  return preprocessor.preprocess(found);
}
