import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseStrictJson } from '../http/strict-json.ts';
import { readEncodingTable, type EncodedColumn } from './encoding-table.ts';
import { contractSchema, modelName } from './schemas.ts';
import {
  ModelFolderError,
  type CategoryFeature,
  type Contract,
  type Feature,
  type NamedRow,
  type OutputContract,
} from './types.ts';

type Table = ReadonlyMap<number, EncodedColumn>;

interface ContractFile {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly features: readonly Feature[];
  readonly encoding?: string;
  readonly output: OutputContract;
  readonly sample?: string;
  readonly metrics: Readonly<Record<string, unknown>>;
}

/**
 * The contract of a model folder: `model.json` with its `encoding.csv` and sample; or, where there is none, derived from the
 * model's own input of `width` features (undefined where the model leaves it open).
 * @throws {ModelFolderError}
 */
export function readContract(folder: string, width: number | undefined): Contract {
  const path = join(folder, 'model.json');
  if (!existsSync(path)) return deriveContract(folder, width);
  const checked = contractSchema.validate(readJson(path), { convert: false, abortEarly: false });
  if (checked.error) throw new ModelFolderError(path, checked.error.message);
  const file = checked.value as ContractFile;
  if (width !== undefined && width !== file.features.length) {
    throw new ModelFolderError(path, `lists ${file.features.length} features, and the model takes ${width}`);
  }
  const encodingPath = join(folder, file.encoding ?? 'encoding.csv');
  const table: Table = file.encoding === undefined ? new Map() : readEncodingTable(encodingPath);
  const features = file.features.map((feature, index) => checkFeature(feature, table.get(index), path));
  for (const { column, name } of table.values()) {
    if (features[column]?.type !== 'category')
      throw new ModelFolderError(encodingPath, `"${name}" (column ${column}) is no category in model.json`);
  }
  const sample =
    file.sample === undefined ? makeSample(features) : (readJson(join(folder, file.sample)) as NamedRow);
  return {
    name: file.name,
    version: file.version,
    description: file.description,
    features,
    output: file.output,
    metrics: file.metrics,
    sample,
  };
}

function deriveContract(folder: string, width: number | undefined): Contract {
  const name = basename(folder);
  if (!modelName.test(name))
    throw new ModelFolderError(folder, 'the name of the folder is no model name (a-z, 0-9 and . _ -)');
  if (width === undefined)
    throw new ModelFolderError(
      folder,
      'the model does not say how many features it takes: write a model.json',
    );
  const encodingPath = join(folder, 'encoding.csv');
  const table: Table = existsSync(encodingPath) ? readEncodingTable(encodingPath) : new Map();
  const features = Array.from({ length: width }, (_, index): Feature => {
    const encoded = table.get(index);
    if (encoded === undefined) return { name: `f${index}`, type: 'number', missing: 'reject' };
    return {
      name: encoded.name,
      type: 'category',
      categories: encoded.categories,
      unknown: 'reject',
      missing: 'reject',
    };
  });
  return {
    name,
    version: '1',
    description: '',
    features,
    output: { kind: 'class_scores' },
    metrics: {},
    sample: makeSample(features),
  };
}

function checkFeature(feature: Feature, encoded: EncodedColumn | undefined, path: string): Feature {
  const refuse = (cause: string) => new ModelFolderError(path, `feature "${feature.name}": ${cause}`);
  if (feature.type === 'boolean') return feature;
  if (feature.type !== 'category') {
    const { min = -Infinity, max = Infinity, missing } = feature;
    if (min > max) throw refuse('min is above max');
    if (missing !== 'reject' && (missing < min || missing > max)) throw refuse('missing is out of bounds');
    return feature;
  }
  if (encoded === undefined) throw refuse('a category needs lines in encoding.csv');
  if (encoded.name !== feature.name) throw refuse(`encoding.csv calls this column "${encoded.name}"`);
  const complete: CategoryFeature = { ...feature, categories: encoded.categories };
  for (const policy of [complete.unknown, complete.missing]) {
    if (policy !== 'reject' && !complete.categories.some(({ category }) => category === policy)) {
      throw refuse(`"${policy}" is not among its categories`);
    }
  }
  return complete;
}

/** A row that the contract takes, where the folder brings none: zeros within bounds, first categories. */
function makeSample(features: readonly Feature[]): NamedRow {
  const cells = features.map((feature): [string, string | number | boolean] => {
    switch (feature.type) {
      case 'boolean':
        return [feature.name, false];
      case 'category':
        return [feature.name, feature.categories[0]?.category ?? ''];
      default:
        return [feature.name, Math.ceil(Math.min(Math.max(0, feature.min ?? 0), feature.max ?? 0))];
    }
  });
  return Object.fromEntries(cells);
}

function readJson(path: string): unknown {
  try {
    return parseStrictJson(readFileSync(path));
  } catch (cause) {
    throw new ModelFolderError(path, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
