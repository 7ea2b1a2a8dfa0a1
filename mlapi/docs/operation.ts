import { pathName } from '../http/request/path-names.ts';
import type { Endpoint, TextDocs } from '../http/endpoint.ts';
import type { ErrorShape } from '../http/response/error-shape.ts';
import { errorContent, errorsOf } from './errors.ts';
import { toJsonSchema } from './joi-schema.ts';
import type { PathSamples } from './shown-model.ts';

const whatNames: Readonly<Record<string, string>> = {
  name: 'Name of a model',
  version: 'Name of a version',
  alias: 'Name of an alias',
};
const nameSchema = { type: 'string', pattern: pathName.source };
/** Routes that only read or use a version also accept an alias. */
const versionOrAliasSchema = { type: 'string', pattern: pathName.source.replace('^', '^@?') };

/**
 * Accepted on every request. Documented for requests with a body only: generated Python clients need an optional parameter beside a body of
 * several media types.
 */
const requestIdHeader = {
  'X-Request-Id': { description: 'Returned in the response and written to the log', schema: { type: 'string' } },
};

/** Builds an OpenAPI operation; its schemas are not components yet. */
export function operation(endpoint: Endpoint, samples: PathSamples, errorShapes: readonly ErrorShape[]): object {
  const { access, body, docs } = endpoint;
  const parameters = [
    ...pathParameters(endpoint, docs.params ?? samples),
    ...(endpoint.query === undefined ? [] : queryParameters(endpoint.query)),
    ...headerParameters({ ...docs.headers, ...(body !== undefined && requestIdHeader) }),
  ];
  return {
    operationId: docs.operationId,
    summary: docs.summary,
    description: accessText(access),
    tags: [docs.tag],
    security: security(access),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(docs.body, body) }),
    responses: responses(endpoint, errorShapes),
  };
}

function accessText(access: Endpoint['access']): string {
  if (access === 'public') return 'Needs no token.';
  if (access === 'refresh token') return 'Needs a refresh token.';
  return access === 'access token' ? 'Needs an access token.' : `Needs an access token with the scope \`${access}\`.`;
}

function security(access: Endpoint['access']): object[] {
  if (access === 'public') return [];
  if (access === 'refresh token') return [{ refreshToken: [] }];
  // Generated clients that obtain tokens must know which scope to request; a bearer scheme names none.
  return access === 'access token'
    ? [{ accessToken: [] }, { oauth2: [] }]
    : [{ oauth2: [access] }, { accessToken: [] }];
}

function pathParameters({ path, method }: Endpoint, samples: PathSamples): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const takesAlias = name === 'version' && (method === 'GET' || method === 'POST');
    const example = samples[name];
    return {
      name,
      in: 'path',
      required: true,
      description: takesAlias ? 'Name of a version, or an alias such as `@stable`' : whatNames[name],
      schema: takesAlias ? versionOrAliasSchema : nameSchema,
      ...(example !== undefined && { example }),
    };
  });
}

function queryParameters(schema: NonNullable<Endpoint['query']>): object[] {
  const { properties = {} } = toJsonSchema(schema);
  return Object.entries(properties).map(([name, shape]) => {
    const { description, ...rest } = shape as { description?: string };
    return { name, in: 'query', required: false, ...(description !== undefined && { description }), schema: rest };
  });
}

function headerParameters(headers: Endpoint['docs']['headers'] = {}): object[] {
  return Object.entries(headers).map(([name, docs]) => ({ name, in: 'header', required: false, ...docs }));
}

function requestBody(docs: Endpoint['docs']['body'], { reader, schema: joi }: NonNullable<Endpoint['body']>): object {
  const schema = docs?.schema ?? (joi === undefined ? {} : toJsonSchema(joi));
  const shown = Object.entries(docs?.examples ?? {}).map(([name, value]) => [
    name.replaceAll(' ', '-'),
    { summary: name, value },
  ]);
  const content = { schema, ...(shown.length > 0 && { examples: Object.fromEntries(shown) as object }) };
  const others = docs?.others ?? {};
  const contents = reader.mediaTypes.map((mediaType) => {
    const other = others[mediaType] ?? formOf(schema, mediaType);
    return [mediaType, other === undefined ? content : { schema: other }];
  });
  return {
    required: !reader.isOptional,
    content: { ...(Object.fromEntries(contents) as object), ...textContents(docs?.texts) },
  };
}

const formTitles: Readonly<Record<string, string>> = {
  'application/x-www-form-urlencoded': 'Form',
  'multipart/form-data': 'Multipart',
};

/**
 * Copies a schema under another title: generated Python clients choose the media type by the class of the body. Additional form fields are
 * text and must not be repeated.
 */
function formOf(schema: object, mediaType: string): object | undefined {
  const form = formTitles[mediaType];
  if (form === undefined || !('title' in schema)) return undefined;
  const isOpen = 'additionalProperties' in schema && schema.additionalProperties === true;
  const others = isOpen && { additionalProperties: { type: 'string' } };
  return { ...schema, ...others, title: `${String(schema.title)}${form}` };
}

function responses(endpoint: Endpoint, errorShapes: readonly ErrorShape[]): object {
  const { docs, path } = endpoint;
  const answers = Object.entries(errorsOf(endpoint)).map(([status, about]) => {
    if (typeof about !== 'string') {
      return [status, { description: about.text, content: { 'application/json': { schema: about.schema } } }];
    }
    return [status, { description: about, ...(Number(status) >= 400 && { content: errorContent(path, errorShapes) }) }];
  });
  const hasOther = Object.keys(docs.statuses).some((status) => status.startsWith('2'));
  return { ...(!hasOther && { 200: success(docs.answer) }), ...(Object.fromEntries(answers) as object) };
}

function success(answer: Endpoint['docs']['answer']): object {
  if (answer === undefined) return { description: 'Success' };
  const { mediaType = 'application/json', schema, example, others = {} } = answer;
  return {
    description: 'Success',
    content: {
      [mediaType]: { schema, ...(example !== undefined && { example }) },
      ...Object.fromEntries(Object.entries(others).map(([other, its]) => [other, { schema: its }])),
      ...textContents(answer.texts),
    },
  };
}

function textContents(texts: Readonly<Record<string, TextDocs>> = {}): Record<string, object> {
  const contents = Object.entries(texts).map(([mediaType, { description, example }]) => [
    mediaType,
    { schema: { type: 'string', description }, example },
  ]);
  return Object.fromEntries(contents) as Record<string, object>;
}
