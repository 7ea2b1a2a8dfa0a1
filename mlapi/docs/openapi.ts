import type { Endpoint } from '../http/endpoint.ts';
import type { ErrorShape } from '../http/response/error-shape.ts';
import { Components } from './components.ts';
import { operation } from './operation.ts';
import { pathSamples } from './shown-model.ts';
import { serviceName } from '../version.ts';

const bearerSchemes = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token from /auth/token, /auth/reset or /auth/refresh',
  },
  refreshToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The latest refresh token' },
};

/** RFC 6749 section 4.4: tells generated clients how to obtain tokens. */
function oauthScheme(endpoints: readonly Endpoint[]): object {
  const scopes = [...new Set(endpoints.map(({ access }) => access).filter((access) => access.includes(':')))].sort();
  const about = scopes.map((scope) => [scope, `Operations that need ${scope}`]);
  const clientCredentials = { tokenUrl: '/auth/token', scopes: Object.fromEntries(about) as object };
  return { type: 'oauth2', description: 'For reusable clients', flows: { clientCredentials } };
}

const tagDescriptions: Readonly<Record<string, string>> = {
  health: 'Liveness and readiness',
  auth: 'Obtain and revoke tokens',
  discovery: 'Keys and metadata for services that verify tokens',
  models: 'Describe models and predict with them',
  documents: 'This documentation',
};

/** Parts of the document that features add. */
export interface DocumentOptions {
  readonly errorShapes?: readonly ErrorShape[];
  /** Descriptions of their endpoints' tags. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Builds the OpenAPI 3.1 document from the endpoints that are served. */
export function openApiDocument(
  endpoints: readonly Endpoint[],
  version: string,
  { errorShapes = [], tags: more = {} }: DocumentOptions = {},
): object {
  const samples = pathSamples(endpoints);
  const components = new Components();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of endpoints) {
    const item = (paths[endpoint.path] ??= {});
    item[endpoint.method.toLowerCase()] = components.refer(operation(endpoint, samples, errorShapes));
  }
  const tags = [...new Set(endpoints.map(({ docs }) => docs.tag))];
  return {
    openapi: '3.1.0',
    info: {
      title: serviceName,
      version,
      description:
        'Serve predictions from machine-learning models, behind token authentication. Besides the statuses of each operation, malformed, ' +
        'oversized or slow requests get 400, 408, 414, 417, 431 or 501.',
      contact: { name: 'The operator of this service' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'this server' }],
    tags: tags.map((name) => ({ name, description: tagDescriptions[name] ?? more[name] ?? name })),
    paths,
    components: {
      securitySchemes: { ...bearerSchemes, oauth2: oauthScheme(endpoints) },
      schemas: components.schemas,
    },
  };
}
