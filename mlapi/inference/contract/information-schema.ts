import { label, namedRow } from './json-schema.ts';

const text = { type: 'string' };
const number = { type: 'number', format: 'double' };

function object(title: string, properties: Record<string, object>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { title, type: 'object', required, properties };
}

const tensors = {
  type: 'array',
  items: object('TensorInformation', {
    name: text,
    datatype: text,
    shape: { type: 'array', items: { type: 'integer', format: 'int64', minimum: -1 } },
  }),
};
const feature = object(
  'Feature',
  {
    name: text,
    type: { type: 'string', enum: ['number', 'integer', 'boolean', 'category'] },
    description: text,
    unit: text,
    min: number,
    max: number,
    categories: { type: 'array', items: object('Category', { category: text, encoding: number }) },
    unknown: { ...text, description: '`reject`, or the category used for unknown ones' },
    missing: {
      title: 'Missing',
      description: '`reject`, or the value used for an absent or null cell',
      anyOf: [text, number, { type: 'boolean' }],
    },
  },
  ['description', 'unit', 'min', 'max', 'categories', 'unknown'],
);

const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
/** The files of a model with external data. */
const files = {
  type: 'array',
  items: object('ModelFile', { name: text, sha256, sizeBytes: { type: 'integer', format: 'int64' } }),
};

const properties = {
  name: text,
  version: text,
  description: text,
  platform: text,
  sha256,
  files,
  inputs: tensors,
  outputs: tensors,
  features: { type: 'array', items: feature },
  classes: { type: 'array', items: label },
  metrics: { type: 'object', additionalProperties: true },
  sample: namedRow,
  rowWise: {
    type: 'string',
    enum: ['proved', 'vouched', 'unproved'],
    description:
      'whether rows of several requests may share a run: proved by the graph, vouched by the operator, or unproved (then they may not)',
  },
  rowWiseReason: { ...text, description: 'why it is unproved: the operator and node where the proof failed' },
};

/** JSON Schema of the information about a model. */
export const informationSchema = object('ModelInformation', properties, ['files', 'rowWiseReason']);

/** JSON Schema of a page of models. */
export const listSchema = object('ModelList', {
  models: {
    type: 'array',
    items: object('ModelSummary', { name: text, version: text, description: text, sha256: text }),
  },
  next: { type: ['string', 'null'], description: 'the value of `after` for the next page' },
});
