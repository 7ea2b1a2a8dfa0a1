import joiToJson from 'joi-to-json';
import type Joi from 'joi';
import type { CsvDocs, Endpoint } from '../http/endpoint.ts';
import { pathSamples, type PathSamples } from './shown-model.ts';

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      maxItems: 20,
      items: { type: 'object', properties: { pointer: { type: 'string' }, detail: { type: 'string' } } },
    },
  },
};
const oauthErrorSchema = {
  type: 'object',
  required: ['error', 'error_description'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
};

const inferenceErrorSchema = { type: 'object', required: ['error'], properties: { error: { type: 'string' } } };

/** What errors look like, by the first segment of the path; all else is RFC 9457. */
const errorAnswers: Readonly<Record<string, readonly [schema: string, mediaType: string]>> = {
  auth: ['OAuthError', 'application/json'],
  v2: ['InferenceError', 'application/json'],
};

// Its types promise a default export; at run time the module itself is the function.
const parseJoi = joiToJson as unknown as typeof joiToJson.default;

/** OpenAPI 3.1 for a list of endpoints: the same objects that serve, guard and validate them. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): object {
  const samples = pathSamples(endpoints);
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    const item = (paths[endpoint.path] ??= pathItem(endpoint.path, endpoint.docs.params ?? samples));
    item[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  const tags = [...new Set(endpoints.map(({ docs }) => docs.tag))];
  return {
    openapi: '3.1.0',
    info: {
      title: 'mlapi',
      version,
      description: 'Predictions of machine-learned models, under tokens.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'this server' }],
    tags: tags.map((name) => ({ name, description: tagDescriptions[name] ?? name })),
    paths,
    components: {
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The access token of /auth/reset or /auth/refresh',
        },
        refreshToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The newest refresh token',
        },
      },
      schemas: { Problem: problemSchema, OAuthError: oauthErrorSchema, InferenceError: inferenceErrorSchema },
    },
  };
}

const tagDescriptions: Readonly<Record<string, string>> = {
  health: 'Whether the service lives and can serve',
  auth: 'Where tokens come from, and where they end',
  discovery: 'What other services need to verify the tokens',
  models: 'Information about the models, and their predictions',
  'model store': 'Versions that clients bring, and aliases for them',
  'open inference protocol': 'The same models in the words of the Open Inference Protocol, and its extensions',
  documents: 'This description',
};

function pathItem(path: string, samples: PathSamples): Record<string, object> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  if (names.length === 0) return {};
  return {
    parameters: names.map((name) => {
      const example = samples[name];
      return {
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
        ...(example !== undefined && { example }),
      };
    }),
  };
}

function operation(endpoint: Endpoint): object {
  const { access, docs, method, path } = endpoint;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+(\w)?/g, (_, letter: string | undefined) => (letter ?? '').toUpperCase()) || 'Root'}`,
    summary: docs.summary,
    tags: [docs.tag],
    security: security(access),
    ...(endpoint.query !== undefined && { parameters: queryParameters(endpoint.query) }),
    ...(endpoint.body !== undefined && { requestBody: requestBody(endpoint) }),
    responses: responses(endpoint),
  };
}

function security(access: Endpoint['access']): object[] {
  if (access === 'public') return [];
  if (access === 'refresh token') return [{ refreshToken: [] }];
  return [{ accessToken: access === 'access token' ? [] : [access] }];
}

function queryParameters(schema: NonNullable<Endpoint['query']>): object[] {
  const { properties = {} } = toJsonSchema(schema);
  return Object.entries(properties).map(([name, shape]) => ({
    name,
    in: 'query',
    required: false,
    schema: shape,
  }));
}

function requestBody({ body, docs }: Endpoint): object {
  const schema = docs.body?.schema ?? (body?.schema === undefined ? {} : toJsonSchema(body.schema));
  const shown = Object.entries(docs.body?.examples ?? {}).map(([name, value]) => [
    name.replaceAll(' ', '-'),
    { summary: name, value },
  ]);
  const content = { schema, ...(shown.length > 0 && { examples: Object.fromEntries(shown) as object }) };
  const mediaTypes = body?.reader.mediaTypes ?? [];
  return {
    required: body?.reader.isOptional !== true,
    content: {
      ...(Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, content])) as object),
      ...csvContent(docs.body?.csv),
    },
  };
}

function toJsonSchema(schema: Joi.Schema) {
  return parseJoi(schema, 'open-api-3.1') as { properties?: Record<string, object> };
}

function responses(endpoint: Endpoint): object {
  const { access, body, docs, path } = endpoint;
  const isLimited = body !== undefined || access !== 'public';
  const errors: Endpoint['docs']['statuses'] = {
    400: 'A mistake in the request',
    ...(access !== 'public' && { 401: 'No valid token' }),
    ...(access.includes(':') && { 403: 'The token lacks the scope' }),
    ...(body !== undefined && { 413: 'The body is too large', 415: 'The body is of another media type' }),
    ...(isLimited && { 429: 'Too many requests', 503: 'Busy; try again' }),
    ...docs.statuses,
  };
  const [name, mediaType] = errorAnswers[path.split('/')[1] ?? ''] ?? ['Problem', 'application/problem+json'];
  const schema = { $ref: `#/components/schemas/${name}` };
  const answers = Object.entries(errors).map(([status, about]) => {
    if (typeof about !== 'string') {
      return [status, { description: about.text, content: { 'application/json': { schema: about.schema } } }];
    }
    const hasBody = Number(status) >= 400;
    return [status, { description: about, ...(hasBody && { content: { [mediaType]: { schema } } }) }];
  });
  const hasOther = Object.keys(docs.statuses).some((status) => status.startsWith('2'));
  return { ...(!hasOther && { 200: success(endpoint) }), ...(Object.fromEntries(answers) as object) };
}

function success({ docs: { answer } }: Endpoint): object {
  if (answer === undefined) return { description: 'Done' };
  const { mediaType = 'application/json', schema, example } = answer;
  return {
    description: 'The answer',
    content: { [mediaType]: { schema, ...(example !== undefined && { example }) }, ...csvContent(answer.csv) },
  };
}

function csvContent(csv: CsvDocs | undefined): Record<string, object> {
  if (csv === undefined) return {};
  const { description, example } = csv;
  return { 'text/csv': { schema: { type: 'string', description }, example } };
}
