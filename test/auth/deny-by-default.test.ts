import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mountRoutes } from '../../application.ts';
import { permissions } from '../../mlapi/features.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** The only routes that answer without a token. */
const publicRoutes = [
  'GET /',
  'GET /.well-known/jwks.json',
  'GET /.well-known/oauth-authorization-server',
  'GET /.well-known/security.txt',
  'GET /api',
  'GET /api/docs',
  'GET /api/liveness',
  'GET /api/openapi.json',
  'GET /api/readiness',
  'GET /auth',
  'POST /auth/reset',
  'POST /auth/revoke',
  'POST /auth/token',
  'GET /v2',
  'GET /v2/health/live',
  'GET /v2/health/ready',
];

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Record<string, boolean> };
  readonly handle: { readonly stack?: Layer[] };
}

/** Every route of an Express router, however deep; `all` is what refuses the other methods. */
function walk(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ route, handle }) => {
    if (route === undefined) return walk(handle.stack ?? []);
    const methods = Object.keys(route.methods).filter((method) => method !== '_all');
    return methods.map((method) => `${method.toUpperCase()} ${route.path}`);
  });
}

function listRoutes(): string[] {
  return walk((mountRoutes(service.services).application.router as unknown as { stack: Layer[] }).stack);
}

test('the router has exactly the documented routes, each once', () => {
  const routes = listRoutes();
  expect(new Set(routes).size).toBe(routes.length);
  const guarded = [
    'GET /api/ml',
    'GET /api/models',
    'DELETE /api/models/:name/aliases/:alias',
    'DELETE /api/models/:name/versions/:version',
    'GET /api/models/:name',
    'GET /api/models/:name/aliases',
    'GET /api/models/:name/aliases/:alias',
    'GET /api/models/:name/traffic',
    'GET /api/models/:name/versions',
    'GET /api/models/:name/versions/:version',
    'GET /api/models/:name/versions/:version/artifact',
    'GET /auth/session',
    'POST /api/ml',
    'POST /api/models/:name/predict',
    'POST /api/models/:name/versions/:version/load',
    'POST /api/models/:name/versions/:version/predict',
    'POST /api/models/:name/versions/:version/unload',
    'PUT /api/models/:name/aliases/:alias',
    'PUT /api/models/:name/versions/:version',
    'POST /auth/refresh',
    'POST /v2/models/:name/infer',
    'POST /v2/models/:name/versions/:version/infer',
    'GET /v2/models/stats',
    'GET /v2/models/:name/stats',
    'GET /v2/models/:name/versions/:version/stats',
    'GET /v2/models/:name',
    'GET /v2/models/:name/versions/:version',
    'GET /v2/models/:name/ready',
    'GET /v2/models/:name/versions/:version/ready',
    'POST /v2/repository/index',
    'POST /v2/repository/models/:name/load',
    'POST /v2/repository/models/:name/unload',
  ];
  expect(routes.sort()).toEqual([...publicRoutes, ...guarded].sort());
});

test('401: every route outside the public list, without a token', async () => {
  for (const route of listRoutes()) {
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace(':name', 'nsl-kdd-classifier').replace(/:\w+/g, '1');
    for (const variant of url === '/' ? [url] : [url, `${url}/`]) {
      const { status, headers } =
        await service.http[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](variant);
      if (publicRoutes.includes(route)) expect([route, status]).not.toEqual([route, 401]);
      else expect([route, status, headers['www-authenticate']]).toEqual([route, 401, 'Bearer realm="mlapi"']);
    }
  }
});

describe('without a token', () => {
  test('401: other methods and unknown paths under /api get the same 401, so callers cannot probe for routes', async () => {
    for (const path of ['/api/ml', '/api/models/x', '/api/nothing', '/api/models/x/y/z', '/api/admin']) {
      await service.http.get(path).expect(401);
      await service.http.put(path).expect(401);
      await service.http.delete(path).expect(401);
      await service.http.post(path).send({}).expect(401);
    }
  });

  test('401 before the body is read: malformed JSON makes no difference', async () => {
    await service.http.post('/api/ml').type('json').send('{"broken').expect(401);
    await service.http.post('/api/ml').type('text/plain').send('x').expect(401);
  });
});

test('404 for an unknown path and 405 for a wrong method, once a token is sent', async () => {
  const { tokens } = await service.newClient();
  const bearer = ['Authorization', `Bearer ${tokens.access_token}`] as const;
  await service.http
    .get('/api/nothing')
    .set(...bearer)
    .expect(404);
  await service.http
    .get('/api/models/nothing')
    .set(...bearer)
    .expect(404);
  await service.http
    .delete('/api/ml')
    .set(...bearer)
    .expect(405)
    .expect('allow', 'GET, HEAD, POST, OPTIONS');
});

test('404: a model outside the client’s scopes looks like one that does not exist, on every model route', async () => {
  const ofOther = permissions.filter((permission) => permission.startsWith('models:')).map((held) => `${held}:other`);
  const { tokens } = await service.newClient(undefined, ofOther);
  const ofModels = listRoutes().filter((route) => route.includes(':name'));
  expect(ofModels.length).toBeGreaterThanOrEqual(3);
  for (const route of ofModels) {
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace(':name', 'nsl-kdd-classifier').replace(/:\w+/g, '1');
    const { status, body } = await service.http[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](url).auth(
      tokens.access_token,
      { type: 'bearer' },
    );
    const text = 'No such model or version.';
    expect([route, status, body.detail ?? body.error]).toEqual([route, 404, text]);
  }
});
