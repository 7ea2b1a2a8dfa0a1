import type { EndpointResponse } from '../http/endpoint.ts';
import type { Predictor } from '../inference/serving/predictor.ts';
import { tagOf, type Alias, type VersionRecord } from './types.ts';

/** Returns a version as sent to clients. */
export function versionResponse({ model, version, sha256, sizeBytes, createdAt, retiredAt }: VersionRecord): object {
  return {
    ...{ name: model, version, sha256, sizeBytes },
    createdAt: new Date(createdAt).toISOString(),
    retiredAt: retiredAt === null ? null : new Date(retiredAt).toISOString(),
  };
}

export function aliasResponse({ alias, version, canary, shadow, updatedAt }: Alias): object {
  return { alias, version, canary, shadow, updatedAt: new Date(updatedAt).toISOString() };
}

/** Returns a model of the folders as a version; its size and age are unknown. */
export function shippedResponse({ contract: { name, version }, headers }: Predictor): object {
  const sha256 = headers['x-model-sha256'];
  return { name, version, sha256, sizeBytes: null, createdAt: null, retiredAt: null };
}

/** Adds the entity tag that `If-Match` takes. */
export function taggedAlias(alias: Alias): EndpointResponse & { headers: { etag: string } } {
  return { headers: { etag: tagOf(alias) }, body: aliasResponse(alias) };
}

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
export const versionSchema = {
  title: 'ModelVersion',
  type: 'object',
  required: ['name', 'version', 'sha256', 'sizeBytes', 'createdAt', 'retiredAt'],
  properties: {
    name: text,
    version: text,
    sha256: text,
    sizeBytes: { type: ['integer', 'null'], format: 'int64' },
    createdAt: { type: ['string', 'null'], format: 'date-time' },
    retiredAt: { type: ['string', 'null'], format: 'date-time' },
  },
};

export const versionsSchema = {
  title: 'ModelVersionList',
  type: 'object',
  required: ['versions', 'next'],
  properties: { versions: { type: 'array', items: versionSchema }, next: { type: ['string', 'null'] } },
};
const share = {
  title: 'Share',
  type: ['object', 'null'],
  required: ['version', 'share'],
  properties: { version: text, share: { type: 'number', format: 'double', minimum: 0, maximum: 1 } },
};

export const aliasResponseSchema = {
  title: 'Alias',
  type: 'object',
  required: ['alias', 'version', 'canary', 'shadow', 'updatedAt'],
  properties: { alias: text, version: text, canary: share, shadow: share, updatedAt: time },
};

export const aliasesSchema = {
  title: 'AliasList',
  type: 'object',
  required: ['aliases'],
  properties: { aliases: { type: 'array', items: aliasResponseSchema } },
};
