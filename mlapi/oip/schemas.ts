import { datatypes } from '../inference/tensors/datatypes.ts';

const text = { type: 'string' };
const flag = { type: 'boolean' };
const count = { type: 'integer', format: 'int64', minimum: 0 };
const parameters = {
  type: ['object', 'null'],
  additionalProperties: true,
  description: 'free-form; unknown parameters are ignored',
};

/** Shape of a tensor; in `modelShape`, -1 is a dynamic dimension. */
const shape = { type: 'array', maxItems: 8, items: count };
const modelShape = { type: 'array', items: { type: 'integer', format: 'int64', minimum: -1 } };
const data = {
  type: 'array',
  items: {
    title: 'TensorElement',
    description: 'a number, a string, a boolean, or a list of them if the data is nested',
    anyOf: [{ type: 'number', format: 'double' }, text, flag, { type: 'array', items: {} }],
  },
  description: 'row-major, flat or nested; absent if the tensor is binary data',
};
const maxTensors = 10_000;
const longestText = 256;
const name = { ...text, maxLength: longestText };
const ignored = { description: 'ignored; the path decides' };

function object(title: string, properties: Record<string, object>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((property) => !optional.includes(property));
  return { title, type: 'object', ...(required.length > 0 && { required }), properties };
}

/** An object without additional properties. */
function closed(title: string, properties: Record<string, object>, optional: readonly string[] = []): object {
  return { ...object(title, properties, optional), additionalProperties: false };
}

const tensorMetadata = object('TensorMetadata', { name: text, datatype: text, shape: modelShape });
const duration = object('StatisticDuration', { count, ns: count });
const computed = ['compute_input', 'compute_infer', 'compute_output'];
const durations = ['success', 'fail', 'queue', ...computed, 'cache_hit', 'cache_miss'];
const durationsOf = (names: readonly string[]) => Object.fromEntries(names.map((each) => [each, duration]));
const binary = { type: 'string', format: 'binary' };

const requestInput = closed(
  'RequestInput',
  { name, shape, datatype: { ...text, enum: [...datatypes.keys()] }, parameters, data },
  ['parameters', 'data'],
);
const responseOutput = object('ResponseOutput', { name: text, shape: modelShape, datatype: text, parameters, data }, [
  'parameters',
  'data',
]);
const modelStatistics = object('ModelStatistics', {
  name: text,
  version: text,
  last_inference: { ...count, description: 'milliseconds since 1970' },
  inference_count: count,
  execution_count: count,
  inference_stats: object('InferenceStatistics', durationsOf(durations)),
  batch_stats: { type: 'array', items: object('BatchStatistics', { batch_size: count, ...durationsOf(computed) }) },
});

/** JSON Schemas of requests and responses of the Open Inference Protocol. */
export const oipSchemas = {
  server: object('ServerMetadata', { name: text, version: text, extensions: { type: 'array', items: text } }),
  live: object('ServerLive', { live: flag }),
  ready: object('ServerReady', { ready: flag }),
  modelReady: object('ModelReady', { name: text, ready: flag }),
  model: object('ModelMetadata', {
    name: text,
    versions: { type: 'array', items: text },
    platform: text,
    inputs: { type: 'array', items: tensorMetadata },
    outputs: { type: 'array', items: tensorMetadata },
  }),
  request: closed(
    'InferenceRequest',
    {
      id: { type: ['string', 'null'], maxLength: longestText },
      parameters,
      inputs: { type: 'array', minItems: 1, maxItems: maxTensors, items: requestInput },
      outputs: {
        type: ['array', 'null'],
        maxItems: maxTensors,
        items: closed('RequestOutput', { name, parameters }, ['parameters']),
        description: 'the requested outputs; all if empty',
      },
      model_name: ignored,
      model_version: ignored,
    },
    ['id', 'parameters', 'outputs', 'model_name', 'model_version'],
  ),
  binaryRequest: { ...binary, description: 'an InferenceRequest followed by the bytes of its binary inputs' },
  response: object(
    'InferenceResponse',
    { model_name: text, model_version: text, id: text, outputs: { type: 'array', items: responseOutput } },
    ['id'],
  ),
  binaryResponse: { ...binary, description: 'an InferenceResponse followed by the bytes of its binary outputs' },
  indexRequest: closed('RepositoryIndexRequest', { ready: { type: ['boolean', 'null'] } }, ['ready']),
  command: closed('RepositoryCommand', { parameters }, ['parameters']),
  done: { title: 'RepositoryResponse', type: 'object', description: 'Empty on success', properties: {} },
  index: {
    title: 'RepositoryIndex',
    type: 'array',
    items: object('RepositoryModel', {
      name: text,
      version: text,
      state: { ...text, enum: ['READY', 'UNAVAILABLE'] },
      reason: text,
    }),
  },
  statistics: object('StatisticsResponse', { model_stats: { type: 'array', items: modelStatistics } }),
};
