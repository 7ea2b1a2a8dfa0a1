import Joi from 'joi';
import { pathName, pathNameRule } from '../../http/request/path-names.ts';
import { referenceSchema } from './reference.ts';

/** Names that a route of the service has in the place of a model's. */
const reservedNames = ['stats'];

const identifier = Joi.string()
  .pattern(pathName)
  .messages({
    'string.pattern.base': `{{#label}} with value {:[.]} must be ${pathNameRule}`,
  });
const text = Joi.string().max(2_000);
const featureName = Joi.string()
  .min(1)
  .max(128)
  .invalid('instances', '__proto__')
  .pattern(/^[^\p{Cc}\p{Cs}]+$/u);
const base = { name: featureName.required(), description: text, unit: Joi.string().max(32) };
const finite = Joi.number().unsafe();

const numeric = Joi.object({
  ...base,
  type: Joi.valid('number', 'integer').required(),
  min: finite,
  max: finite,
  missing: Joi.alternatives(Joi.valid('reject'), finite).default('reject'),
});
const boolean = Joi.object({
  ...base,
  type: Joi.valid('boolean').required(),
  missing: Joi.alternatives(Joi.valid('reject'), Joi.boolean()).default('reject'),
});
const category = Joi.object({
  ...base,
  type: Joi.valid('category').required(),
  unknown: Joi.string().min(1).default('reject'),
  missing: Joi.string().min(1).default('reject'),
});

/** A file in the folder of `model.json`. */
const fileName = Joi.string()
  .max(128)
  .pattern(/^\w[\w.-]*$/, 'file name');

const labels = Joi.array().items(Joi.string().max(256), Joi.number()).min(1).unique();
const tensor = Joi.string().min(1).max(256);
const output = Joi.alternatives().conditional('.kind', {
  switch: [
    {
      is: 'class_scores',
      then: Joi.object({
        kind: Joi.required(),
        labels,
        tensor,
        scores: Joi.valid('per-class', 'positive-class', 'class-number'),
      }),
    },
    {
      is: 'anomaly_scores',
      then: Joi.object({ kind: Joi.required(), labels: labels.length(2), tensor, threshold: finite }),
    },
    { is: 'values', then: Joi.object({ kind: Joi.required(), tensor }) },
  ],
  otherwise: Joi.object({ kind: Joi.valid('class_scores', 'anomaly_scores', 'values').required() }),
});

/** A path segment on another server. */
const remoteName = Joi.string().pattern(/^\w[\w.-]{0,255}$/, 'name of a model');
const remote = Joi.object({
  url: Joi.string().max(1_024).required(),
  model: remoteName.required(),
  version: remoteName,
});

/** Schema of `model.json`. */
export const contractSchema = Joi.object({
  name: identifier.required().invalid(...reservedNames),
  version: identifier.default('1'),
  description: text.allow('').default(''),
  features: Joi.array()
    .items(
      Joi.alternatives().conditional('.type', {
        switch: [
          { is: Joi.valid('number', 'integer'), then: numeric },
          { is: 'boolean', then: boolean },
          { is: 'category', then: category },
        ],
        otherwise: Joi.object({
          type: Joi.valid('number', 'integer', 'boolean', 'category').required(),
        }).unknown(),
      }),
    )
    .min(1)
    .max(10_000)
    .unique('name'),
  encoding: fileName,
  output,
  sample: fileName,
  metrics: Joi.object().default({}),
  reference: referenceSchema,
  batching: Joi.object({
    maxRows: Joi.number().integer().min(1).max(1_000_000),
    maxWaitMicroseconds: Joi.number().integer().min(0).max(1_000_000).default(0),
    rowWise: Joi.valid(true),
  }).default({ maxWaitMicroseconds: 0 }),
  executor: Joi.valid('inline', 'child'),
  remote,
})
  .without('remote', 'executor')
  .required();
