import Joi from 'joi';

/**
 * Distribution of one feature's encoded values in the training data. A value belongs to the first bin whose edge it does not exceed; the
 * last bin has no upper edge.
 */
export interface FeatureReference {
  /** Ascending. */
  readonly edges: readonly number[];
  /** Share of the values in each bin: one bin more than edges. The shares add up to 1. */
  readonly shares: readonly number[];
}

/** References of the features, keyed by feature name. */
export type Reference = Readonly<Record<string, FeatureReference>>;

/** Most bins of all features together: each is counted, stored and summed. */
const maxBins = 4_096;
/** Tolerance for shares written with few digits. */
const roundingError = 0.01;

const edges = Joi.array().items(Joi.number().unsafe()).max(maxBins).unique().sort({ order: 'ascending' });
const shares = Joi.array()
  .items(Joi.number().min(0).max(1))
  .length(Joi.ref('edges.length', { adjust: (length: number) => length + 1 }))
  .custom((values: number[], helpers) =>
    Math.abs(values.reduce((sum, share) => sum + share, 0) - 1) > roundingError ? helpers.error('shares.sum') : values,
  )
  .messages({ 'shares.sum': '{{#label}} must add up to 1' });

export const referenceSchema = Joi.object()
  .pattern(Joi.string(), Joi.object({ edges: edges.required(), shares: shares.required() }))
  .custom((reference: Reference, helpers) => {
    const bins = Object.values(reference).reduce((sum, feature) => sum + feature.shares.length, 0);
    return bins > maxBins ? helpers.error('reference.bins') : reference;
  })
  .messages({ 'reference.bins': `{{#label}} must not have more than ${maxBins} bins in all` });
