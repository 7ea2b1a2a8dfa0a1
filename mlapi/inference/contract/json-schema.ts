import { FeatureEncoder } from '../preprocessing/feature-encoder.ts';
import type { InputType } from '../tensors/types.ts';
import type { Contract, Feature, OutputContract } from './types.ts';

const number = { type: 'number', format: 'double' };
const text = { type: 'string' };
const nothing = { type: 'null' };

/** A cell in a row of any model. */
const cell = { title: 'Cell', anyOf: [number, text, { type: 'boolean' }, nothing] };
/** A named row of any model. */
export const namedRow = { title: 'NamedRow', type: 'object', additionalProperties: cell };
const listRow = { title: 'ListRow', type: 'array', minItems: 1, items: cell };
/** A class label. */
export const label = { title: 'Label', anyOf: [text, number] };
const numbers = { type: 'array', items: number };

/** JSON Schema (2020-12) of prediction requests to any model. */
export const anyRowsSchema = requestSchema('', listRow, namedRow);

/** JSON Schema of prediction responses of any model. */
export const anyPredictionSchema = responseSchema('', { title: 'Prediction', anyOf: [text, number, numbers] });

/** JSON Schema of prediction requests for one contract: that of the default model. @param tensor element type of its input */
export function rowsSchema({ features }: Contract, tensor: InputType): object {
  const cells = features.map((feature) => cellSchema(new FeatureEncoder(feature, tensor)));
  const named = {
    title: 'DefaultModelNamedRow',
    type: 'object',
    properties: Object.fromEntries(features.map(({ name }, index) => [name, cells[index]!])),
    required: features.filter(({ missing }) => missing === 'reject').map(({ name }) => name),
    additionalProperties: false,
  };
  const list = {
    title: 'DefaultModelListRow',
    description: features.map(({ name }) => name).join(', '),
    type: 'array',
    prefixItems: cells,
    // Never used, since all columns are in prefixItems, but code generators need a single item type.
    items: cell,
    minItems: features.length,
    maxItems: features.length,
  };
  return requestSchema('DefaultModel', list, named);
}

/** JSON Schema of prediction responses for one contract. */
export function predictionSchema(output: OutputContract): object {
  return responseSchema('DefaultModel', defaultPrediction(output));
}

function defaultPrediction({ kind, labels }: OutputContract): object {
  if (kind === 'values') return { title: 'DefaultModelPrediction', anyOf: [number, numbers] };
  if (labels === undefined) return label;
  const about = { title: 'DefaultModelLabel', enum: labels };
  if (labels.every((each) => typeof each === 'string')) return { ...about, type: 'string' };
  return labels.every((each) => Number.isSafeInteger(each)) ? { ...about, type: 'integer', format: 'int64' } : label;
}

function requestSchema(prefix: string, list: object, named: object): object {
  const row = { title: `${prefix}Row`, anyOf: [list, named] };
  const rows = { title: `${prefix}Rows`, type: 'array', minItems: 1, items: row };
  const instances = {
    title: `${prefix}Instances`,
    type: 'object',
    properties: { instances: { anyOf: [rows, named] } },
    required: ['instances'],
    additionalProperties: false,
  };
  return { title: `${prefix}PredictionRequest`, anyOf: [rows, named, instances] };
}

function responseSchema(prefix: string, prediction: object): object {
  return {
    title: `${prefix}PredictionResponse`,
    type: 'object',
    required: ['model', 'version', 'predictions'],
    properties: {
      model: text,
      version: text,
      sha256: { ...text, description: 'of the model file that predicted, if the model can be replaced' },
      predictions: { type: 'array', items: prediction },
      classes: { type: 'array', items: label },
      scores: { type: 'array', items: numbers },
    },
  };
}

function cellSchema(encoder: FeatureEncoder): object {
  const { description, unit, missing } = encoder.feature;
  const about = [description, unit === undefined ? undefined : `in ${unit}`]
    .filter((part) => part !== undefined)
    .join(', ');
  const shape = cellType(encoder);
  const alternatives = 'anyOf' in shape ? shape.anyOf : [shape];
  const optional = missing === 'reject' ? shape : { anyOf: [...alternatives, nothing], default: missing };
  return { ...optional, ...(about !== '' && { description: about }) };
}

function cellType({ feature, type, min, max }: FeatureEncoder): { anyOf: object[] } | { type: string } {
  switch (feature.type) {
    case 'boolean':
      return { anyOf: [{ type: 'boolean' }, { type: 'integer', minimum: 0, maximum: 1 }] };
    case 'category':
      return { anyOf: [categoryText(feature), categoryCode(feature)] };
    default:
      return {
        type,
        ...{ format: type === 'integer' ? 'int64' : 'double' },
        ...(min > -Number.MAX_VALUE && { minimum: min }),
        ...(max < Number.MAX_VALUE && { maximum: max }),
      };
  }
}

type CategoryFeature = Extract<Feature, { type: 'category' }>;

/** Categories match case-insensitively, but the schema lists their original spelling. */
function categoryText({ categories, unknown }: CategoryFeature): object {
  const names = categories.map(({ category }) => category);
  return { type: 'string', ...(unknown === 'reject' ? { enum: names } : { examples: names }) };
}

/** The encoded numbers. Fractions get bounds, because code generators do not support enumerations of them. */
function categoryCode({ categories }: CategoryFeature): object {
  const codes = categories.map(({ encoding }) => encoding);
  const description = 'already encoded';
  if (codes.every((code) => Number.isSafeInteger(code)))
    return { type: 'integer', enum: [...new Set(codes)], description };
  return { ...number, minimum: Math.min(...codes), maximum: Math.max(...codes), description };
}
