import type { Contract, Feature, OutputContract } from './types.ts';

/** JSON Schema (2020-12) of the request bodies that a contract takes. */
export function rowsSchema({ features }: Contract): object {
  const named = {
    title: 'named row',
    type: 'object',
    properties: Object.fromEntries(features.map((feature) => [feature.name, cellSchema(feature)])),
    required: features.filter(({ missing }) => missing === 'reject').map(({ name }) => name),
    additionalProperties: false,
  };
  const list = {
    title: 'row in feature order',
    type: 'array',
    prefixItems: features.map(cellSchema),
    minItems: features.length,
    maxItems: features.length,
  };
  const rows = { type: 'array', minItems: 1, items: { anyOf: [list, named] } };
  const bare = [rows, named];
  const instances = {
    type: 'object',
    properties: { instances: { anyOf: bare } },
    required: ['instances'],
    additionalProperties: false,
  };
  return { anyOf: [...bare, instances] };
}

const text = { type: 'string' };
const tensors = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'datatype', 'shape'],
    properties: {
      name: text,
      datatype: text,
      shape: { type: 'array', items: { type: 'integer', minimum: -1 } },
    },
  },
};
const features = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'type', 'missing'],
    properties: {
      name: text,
      type: { enum: ['number', 'integer', 'boolean', 'category'] },
      description: text,
      unit: text,
      min: { type: 'number' },
      max: { type: 'number' },
      categories: {
        type: 'array',
        items: {
          type: 'object',
          required: ['category', 'encoding'],
          properties: { category: text, encoding: { type: 'number' } },
        },
      },
      unknown: text,
      missing: { type: ['string', 'number', 'boolean'] },
    },
  },
};
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const informationProperties = {
  name: text,
  version: text,
  description: text,
  platform: text,
  sha256,
  inputs: tensors,
  outputs: tensors,
  features,
  classes: { type: 'array', items: { type: ['string', 'number'] } },
  metrics: { type: 'object', additionalProperties: true },
  sample: { type: 'object', additionalProperties: true, description: 'one named row' },
};

/** Where a model has external data: what it consists of. */
const files = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'sha256', 'sizeBytes'],
    properties: { name: text, sha256, sizeBytes: { type: 'integer' } },
  },
};

/** JSON Schema of a model's information. */
export const informationSchema = {
  type: 'object',
  required: Object.keys(informationProperties),
  properties: { ...informationProperties, files },
};

/** JSON Schema of a prediction's answer. */
export function predictionSchema(output: OutputContract): object {
  const number = { type: 'number' };
  const prediction = {
    class_scores: { type: ['string', 'integer', 'number'] },
    anomaly_scores: { type: ['string', 'integer', 'number'] },
    values: { anyOf: [number, { type: 'array', items: number }] },
  }[output.kind];
  return {
    type: 'object',
    required: ['model', 'version', 'predictions'],
    properties: {
      model: { type: 'string' },
      version: { type: 'string' },
      predictions: {
        type: 'array',
        items: output.labels === undefined ? prediction : { enum: output.labels },
      },
      classes: { type: 'array' },
      scores: { type: 'array', items: { type: 'array', items: number } },
    },
  };
}

function cellSchema(feature: Feature): object {
  const { description, unit, missing } = feature;
  const about = [description, unit === undefined ? undefined : `in ${unit}`]
    .filter((part) => part !== undefined)
    .join(', ');
  const shape = cellType(feature);
  const optional = missing === 'reject' ? shape : { anyOf: [shape, { type: 'null' }], default: missing };
  return { ...optional, ...(about !== '' && { description: about }) };
}

function cellType(feature: Feature): object {
  switch (feature.type) {
    case 'boolean':
      return { enum: [true, false, 0, 1] };
    case 'category': {
      const names = feature.categories.map(({ category }) => category);
      const codes = feature.categories.map(({ encoding }) => encoding);
      // Not an enum: categories match without regard to case, and an unknown one may have a place.
      return {
        anyOf: [
          { type: 'string', examples: names },
          { enum: codes, description: 'already encoded' },
        ],
      };
    }
    default: {
      const { min, max } = feature;
      return {
        type: feature.type,
        ...(min !== undefined && { minimum: min }),
        ...(max !== undefined && { maximum: max }),
      };
    }
  }
}
