import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import { mountRoutes } from '../../application.ts';
import { startService, type TestService } from '../support/service.ts';
import { operationsOf, readDocument, type OpenApiDocument } from './document.ts';

let service: TestService;
let document: OpenApiDocument;
beforeAll(async () => {
  service = await startService();
  document = await readDocument(service);
});
afterAll(() => service.close());

describe('GET /api/openapi.json', () => {
  test('200: the document is valid OpenAPI 3.1', async () => {
    const validator = new Validator();

    const result = await validator.validate(structuredClone({ ...document }));

    expect(result).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  test('200: a linter finds nothing with its recommended rules', async () => {
    const config = await createConfig({ extends: ['recommended'] });

    const problems = await lintFromString({
      source: JSON.stringify(document),
      absoluteRef: 'openapi.json',
      config,
    });

    expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
  });

  test('200: the document lists exactly the served routes', () => {
    const documented = operationsOf(document).map(({ route }) => route);

    expect(documented.sort()).toEqual(servedRoutes(service).sort());
  });

  test('200: the routes documented as public are those that answer without a token', async () => {
    for (const { route, operation } of operationsOf(document)) {
      const [method = '', path = ''] = route.split(' ');
      const target = path.replaceAll(/\{\w+\}/g, '1');
      const { status } = await service.http[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](target);
      expect([route, status === 401]).toEqual([route, operation.security.length > 0]);
    }
  });
});

describe('MLAPI_DOCS=false', () => {
  test.each(['/api/openapi.json', '/api/docs'])(
    '404: %s is missing, and behind the guard like everything else',
    async (path) => {
      const bare = await startService({ MLAPI_DOCS: 'false' }, { dataDir: service.dataDir });
      const { tokens } = await service.newClient();
      try {
        await bare.http.get(path).expect(401);
        await bare.http.get(path).set('Authorization', `Bearer ${tokens.access_token}`).expect(404);
      } finally {
        await bare.close();
      }
    },
  );
});

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle?: { readonly stack?: readonly Layer[] };
}

/** Walks the Express router of the application. */
function servedRoutes({ services }: TestService): string[] {
  const walk = (layers: readonly Layer[]): string[] =>
    layers.flatMap(({ route, handle }) =>
      route === undefined
        ? walk(handle?.stack ?? [])
        : Object.keys(route.methods)
            .filter((method) => method !== '_all')
            .map((method) => `${method.toUpperCase()} ${route.path.replace(/:(\w+)/g, '{$1}')}`),
    );
  return walk(mountRoutes(services).application.router.stack as unknown as Layer[]);
}
