import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseStrictJson } from '../../http/body/strict-json.ts';
import type { ModelMetadata } from '../tensors/types.ts';
import { contractSchema } from './contract-schema.ts';
import { readEncodingTable, type EncodedColumn } from './encoding-table.ts';
import {
  ModelFolderError,
  type Contract,
  type Feature,
  type NamedRow,
  type NumericFeature,
  type OutputContract,
} from './types.ts';

type Table = ReadonlyMap<number, EncodedColumn>;

interface ContractFile extends Omit<Contract, 'sample' | 'features' | 'output'> {
  readonly features?: readonly Feature[];
  readonly output?: OutputContract;
  readonly encoding?: string;
  readonly sample?: string;
}

type Input = Pick<ModelMetadata, 'inputType' | 'width'>;

/** Placeholder input for a model that has not been loaded: float32 rows of unknown width. */
export const unknownInput: Input = { inputType: 'float32', width: undefined };

/**
 * Reads the contract of a model folder: `model.json` with its `encoding.csv` and sample. Without `model.json`, derives it from the model's
 * input: rows of `width` numbers. The contract has no features if the model does not take rows of a fixed width.
 * @param files actual names of the encoding and sample files, whatever the contract calls them
 * @throws {ModelFolderError}
 */
export function readContract(
  folder: string,
  { inputType, width }: Input,
  files: { readonly encoding?: string; readonly sample?: string } = {},
): Contract {
  const path = join(folder, 'model.json');
  const isGiven = existsSync(path);
  const {
    encoding,
    sample: named,
    features: listed,
    output,
    ...file
  } = isGiven ? checkFile(readJson(path), path) : checkFile(deriveFile(folder, width), folder);
  const sample = named && (files.sample ?? named);
  if (file.remote !== undefined && existsSync(join(folder, 'model.onnx')))
    throw new ModelFolderError(path, 'names a remote model, but the folder has a model.onnx: remove one of them');
  if (listed === undefined) {
    if (width !== undefined) throw new ModelFolderError(path, '"features" is required');
    if (encoding !== undefined) throw new ModelFolderError(path, '"encoding" requires "features"');
    const rest = { output: output ?? { kind: 'values' }, ...readSampleRequest(folder, sample) } as const;
    return { ...file, ...rest, features: [], sample: {} };
  }
  if (inputType === undefined)
    throw new ModelFolderError(path, 'has "features", but the model takes tensors, not rows');
  if (output === undefined) throw new ModelFolderError(path, '"output" is required');
  checkWidth(path, { features: listed }, width);
  const encodingPath = join(folder, files.encoding ?? encoding ?? 'encoding.csv');
  const table: Table = encoding === undefined ? new Map() : readEncodingTable(encodingPath);
  const features = listed.map((feature, index) => completeFeature(feature, table.get(index), path));
  for (const { column, name } of table.values()) {
    if (features[column]?.type !== 'category')
      throw new ModelFolderError(encodingPath, `"${name}" (column ${column}) is not a category feature of the model`);
  }
  const names = new Set(features.map(({ name }) => name));
  for (const name of Object.keys(file.reference ?? {})) {
    if (!names.has(name)) throw new ModelFolderError(path, `reference: "${name}" is not a feature of the model`);
  }
  return {
    ...file,
    features,
    output,
    sample: sample === undefined ? makeSample(features) : readSample(join(folder, sample)),
  };
}

/**
 * @param width number of features that the model takes, if its input says so
 * @throws {ModelFolderError}
 */
export function checkWidth(path: string, { features }: Pick<Contract, 'features'>, width: number | undefined): void {
  if (width !== undefined && width !== features.length)
    throw new ModelFolderError(path, `lists ${features.length} features, but the model takes ${width}`);
}

function checkFile(content: unknown, path: string): ContractFile {
  const checked = contractSchema.validate(content, { convert: false, abortEarly: false });
  if (checked.error) throw new ModelFolderError(path, checked.error.message);
  return checked.value as ContractFile;
}

/** Derives a missing `model.json`: the folder's name, and numeric features except for the columns of an `encoding.csv`. */
function deriveFile(folder: string, width: number | undefined): object {
  const name = basename(resolve(folder));
  if (width === undefined) return { name };
  const encoding = 'encoding.csv';
  const isEncoded = existsSync(join(folder, encoding));
  const table: Table = isEncoded ? readEncodingTable(join(folder, encoding)) : new Map();
  const features = Array.from({ length: width }, (_, index) => {
    const encoded = table.get(index);
    return { name: encoded?.name ?? `f${index}`, type: encoded === undefined ? 'number' : 'category' };
  });
  return {
    name,
    features,
    ...(isEncoded && { encoding }),
    output: { kind: 'class_scores' },
  };
}

function completeFeature(feature: Feature, encoded: EncodedColumn | undefined, path: string): Feature {
  const refuse = (cause: string) => new ModelFolderError(path, `feature "${feature.name}": ${cause}`);
  if (feature.type !== 'category') return feature;
  if (encoded === undefined) throw refuse('a category requires lines in encoding.csv');
  if (encoded.name !== feature.name) throw refuse(`encoding.csv calls this column "${encoded.name}"`);
  return { ...feature, categories: encoded.categories };
}

function readSample(path: string): NamedRow {
  const sample = readJson(path);
  if (typeof sample !== 'object' || sample === null || Array.isArray(sample))
    throw new ModelFolderError(path, 'the sample must be a JSON object with one value per feature');
  return sample as NamedRow;
}

/** Returns the text of `sample.json` or the named file. It is validated by the warm-up. */
function readSampleRequest(folder: string, named: string | undefined): Pick<Contract, 'sampleRequest'> {
  const path = join(folder, named ?? 'sample.json');
  if (named === undefined && !existsSync(path)) return {};
  readJson(path);
  return { sampleRequest: readFileSync(path, 'utf8') };
}

/** Makes a row that satisfies the contract, for folders without a sample. */
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

/** The value closest to zero within the bounds; an integer if there is one. */
function nearestToZero({ min = -Infinity, max = Infinity }: NumericFeature): number {
  const whole = Math.min(Math.max(0, Math.ceil(min)), Math.floor(max));
  return whole >= min ? whole : min;
}

function readJson(path: string): unknown {
  try {
    const bytes = readFileSync(path);
    // JSON.parse first, for its messages, which say where the mistake is; the strict parser reveals nothing of the text.
    JSON.parse(bytes.toString());
    return parseStrictJson(bytes);
  } catch (error) {
    throw ModelFolderError.of(path, error);
  }
}
