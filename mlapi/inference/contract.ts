import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseStrictJson } from '../http/strict-json.ts';
import { readEncodingTable, type EncodedColumn } from './encoding-table.ts';
import { contractSchema } from './schemas.ts';
import { ModelFolderError, type Contract, type Feature, type NamedRow, type NumericFeature } from './types.ts';

type Table = ReadonlyMap<number, EncodedColumn>;

interface ContractFile extends Omit<Contract, 'sample'> {
  readonly encoding?: string;
  readonly sample?: string;
}

/**
 * The contract of a model folder: `model.json` with its `encoding.csv` and sample; or, where there is none, derived from the
 * model's own input of `width` features (undefined where the model leaves it open).
 * @throws {ModelFolderError}
 */
export function readContract(folder: string, width: number | undefined): Contract {
  const path = join(folder, 'model.json');
  const isGiven = existsSync(path);
  const { encoding, sample, ...file } = isGiven
    ? checkFile(readJson(path), path)
    : checkFile(deriveFile(folder, width), folder);
  if (width !== undefined && width !== file.features.length)
    throw new ModelFolderError(path, `lists ${file.features.length} features, and the model takes ${width}`);
  const encodingPath = join(folder, encoding ?? 'encoding.csv');
  const table: Table = encoding === undefined ? new Map() : readEncodingTable(encodingPath);
  const features = file.features.map((feature, index) => completeFeature(feature, table.get(index), path));
  for (const { column, name } of table.values()) {
    if (features[column]?.type !== 'category')
      throw new ModelFolderError(encodingPath, `"${name}" (column ${column}) is no category of the model`);
  }
  for (const name of Object.keys(file.reference ?? {})) {
    if (!features.some((feature) => feature.name === name))
      throw new ModelFolderError(path, `reference: "${name}" is no feature of the model`);
  }
  return {
    ...file,
    features,
    sample: sample === undefined ? makeSample(features) : readSample(join(folder, sample)),
  };
}

function checkFile(content: unknown, path: string): ContractFile {
  const checked = contractSchema.validate(content, { convert: false, abortEarly: false });
  if (checked.error) throw new ModelFolderError(path, checked.error.message);
  return checked.value as ContractFile;
}

/** What `model.json` would say: numbers, but for the columns of an `encoding.csv`, named after the folder. */
function deriveFile(folder: string, width: number | undefined): object {
  if (width === undefined) {
    const cause = 'the model does not say how many features it takes: write a model.json';
    throw new ModelFolderError(folder, cause);
  }
  const encoding = 'encoding.csv';
  const isEncoded = existsSync(join(folder, encoding));
  const table: Table = isEncoded ? readEncodingTable(join(folder, encoding)) : new Map();
  const features = Array.from({ length: width }, (_, index) => {
    const encoded = table.get(index);
    return { name: encoded?.name ?? `f${index}`, type: encoded === undefined ? 'number' : 'category' };
  });
  return {
    name: basename(resolve(folder)),
    features,
    ...(isEncoded && { encoding }),
    output: { kind: 'class_scores' },
  };
}

function completeFeature(feature: Feature, encoded: EncodedColumn | undefined, path: string): Feature {
  const refuse = (cause: string) => new ModelFolderError(path, `feature "${feature.name}": ${cause}`);
  if (feature.type !== 'category') return feature;
  if (encoded === undefined) throw refuse('a category needs lines in encoding.csv');
  if (encoded.name !== feature.name) throw refuse(`encoding.csv calls this column "${encoded.name}"`);
  return { ...feature, categories: encoded.categories };
}

function readSample(path: string): NamedRow {
  const sample = readJson(path);
  if (typeof sample !== 'object' || sample === null || Array.isArray(sample))
    throw new ModelFolderError(path, 'the sample is one named row');
  return sample as NamedRow;
}

/** A row that the contract takes, where the folder brings none. */
function makeSample(features: readonly Feature[]): NamedRow {
  const cells = features.map((feature): [string, string | number | boolean] => {
    switch (feature.type) {
      case 'boolean':
        return [feature.name, false];
      case 'category':
        return [feature.name, feature.categories[0]!.category];
      default:
        return [feature.name, nearestToZero(feature)];
    }
  });
  return Object.fromEntries(cells);
}

/** Within the bounds, and a whole number where there is one. */
function nearestToZero({ min = -Infinity, max = Infinity }: NumericFeature): number {
  const whole = Math.min(Math.max(0, Math.ceil(min)), Math.floor(max));
  return whole >= min ? whole : min;
}

function readJson(path: string): unknown {
  try {
    const bytes = readFileSync(path);
    // First for its messages, which say where: the strict one keeps to itself what it read.
    JSON.parse(bytes.toString());
    return parseStrictJson(bytes);
  } catch (error) {
    throw ModelFolderError.of(path, error);
  }
}
