const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };
const shape = { type: 'array', items: { type: 'integer' } };
const parameters = { type: ['object', 'null'], description: 'open; those that are not known ask for nothing' };
const data = {
  type: 'array',
  items: { type: ['number', 'string', 'boolean', 'array'] },
  description: 'row by row, flat or nested; absent where the tensor is binary data',
};

function object(properties: Record<string, object>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties };
}

const tensorInfo = object({ name: text, datatype: text, shape });
const duration = object({ count, ns: count });

/** JSON Schemas of the answers, and of the body of an inference, in the words of the Open Inference Protocol. */
export const oipSchemas = {
  server: object({ name: text, version: text, extensions: { type: 'array', items: text } }),
  live: object({ live: { type: 'boolean' } }),
  ready: object({ ready: { type: 'boolean' } }),
  modelReady: object({ name: text, ready: { type: 'boolean' } }),
  model: object({
    name: text,
    versions: { type: 'array', items: text },
    platform: text,
    inputs: { type: 'array', items: tensorInfo },
    outputs: { type: 'array', items: tensorInfo },
  }),
  request: object(
    {
      id: text,
      parameters,
      inputs: {
        type: 'array',
        minItems: 1,
        items: object({ name: text, shape, datatype: text, parameters, data }, ['parameters', 'data']),
      },
      outputs: { type: 'array', items: object({ name: text, parameters }, ['parameters']) },
    },
    ['id', 'parameters', 'outputs'],
  ),
  response: object(
    {
      model_name: text,
      model_version: text,
      id: text,
      outputs: {
        type: 'array',
        items: object({ name: text, shape, datatype: text, parameters, data }, ['parameters', 'data']),
      },
    },
    ['id'],
  ),
  index: {
    type: 'array',
    items: object({ name: text, version: text, state: { enum: ['READY', 'UNAVAILABLE'] }, reason: text }),
  },
  statistics: object({
    model_stats: {
      type: 'array',
      items: object({
        name: text,
        version: text,
        last_inference: count,
        inference_count: count,
        execution_count: count,
        inference_stats: object(
          Object.fromEntries(
            ['success', 'fail', 'queue', 'compute_input', 'compute_infer', 'compute_output'].map((name) => [
              name,
              duration,
            ]),
          ),
        ),
        batch_stats: { type: 'array', items: { type: 'object' } },
      }),
    },
  }),
};
