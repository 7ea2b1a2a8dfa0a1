import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../../http/problem.ts';
import { readContract } from '../../inference/contract/contract.ts';
import type { Reference } from '../../inference/contract/reference.ts';
import { CsvRows } from '../../inference/csv/rows.ts';
import { ModelWrapper } from '../../inference/execution/model-wrapper.ts';
import { Preprocessor } from '../../inference/preprocessing/preprocessor.ts';
import type { Matrix } from '../../inference/tensors/types.ts';
import { makeReference } from '../traffic/make-reference.ts';
import { isCsv } from '../../commands/csv-file.ts';
import { print, UsageError, type Commands } from '../../commands/command.ts';

export const referenceCommands: Commands = {
  'models reference': {
    usage: 'models reference FOLDER ROWS',
    help: 'write the distribution of the training rows into model.json, as the baseline for drift',
    run: async ({ words }) => {
      const [folder, rows, ...rest] = words;
      if (folder === undefined || rows === undefined || rest.length > 0)
        throw new UsageError('expected a folder and a file of rows');
      const path = join(folder, 'model.json');
      if (!existsSync(path)) throw new UsageError(`there is no model.json in ${folder}`);
      const reference = await referenceOf(folder, rows);
      const contract = JSON.parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, writeContract(contract, reference));
      print(`${path}: ${Object.keys(reference).length} features`);
    },
  },
};

/** More rows would not improve the reference. */
const maxReferenceRows = 1_000_000;

async function referenceOf(folder: string, path: string): Promise<Reference> {
  const model = await ModelWrapper.load(join(folder, 'model.onnx'));
  const { metadata } = model;
  await model.release();
  const { features } = readContract(folder, metadata);
  if (metadata.inputType === undefined) throw new UsageError('this model takes tensors, and has no features');
  const preprocessor = new Preprocessor(features, metadata.inputType, maxReferenceRows);
  try {
    return makeReference(features, await (isCsv(path) ? readCsv : readJson)(preprocessor, path));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new UsageError(`${path} is not JSON`);
    if (!(cause instanceof Problem)) throw cause;
    const errors = (cause.errors ?? []).map(({ pointer, detail }) => `\n${pointer} ${detail}`);
    throw new UsageError(`${path}: ${cause.message}${errors.join('')}`);
  }
}

async function readJson(preprocessor: Preprocessor, path: string): Promise<Matrix> {
  return preprocessor.preprocess(JSON.parse(await readFile(path, 'utf8')));
}

/** Reads CSV with a header. */
async function readCsv(preprocessor: Preprocessor, path: string): Promise<Matrix> {
  const rows = preprocessor.open(
    (encoders, options) => new CsvRows(encoders, options),
    () => undefined,
  );
  for await (const chunk of createReadStream(path)) rows.write(chunk as Buffer);
  return rows.end();
}

/** Writes each feature of the reference on one line, to keep the file short. */
function writeContract(contract: object, reference: Reference): string {
  const rest = JSON.stringify({ ...contract, reference: undefined }, undefined, 2).replace(/\n\}$/, '');
  const lines = Object.entries(reference).map(([name, its]) => `    ${JSON.stringify(name)}: ${JSON.stringify(its)}`);
  return `${rest},\n  "reference": {\n${lines.join(',\n')}\n  }\n}\n`;
}
