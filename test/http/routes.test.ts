import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { authEndpoints, discoveryEndpoints, sessionEndpoints } from '../../mlapi/auth/routes.ts';
import { docsEndpoints } from '../../mlapi/docs/routes.ts';
import type { Endpoint } from '../../mlapi/http/endpoint.ts';
import { healthEndpoints } from '../../mlapi/http/health/routes.ts';
import { inferenceEndpoints } from '../../mlapi/inference/routes.ts';
import { version } from '../../mlapi/version.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let token: string;
let endpoints: Endpoint[];
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient()).tokens.access_token;
  const { lifecycle, config, predictors, rowFormats } = service.services;
  endpoints = [
    ...healthEndpoints(lifecycle),
    ...discoveryEndpoints(service.services),
    ...docsEndpoints([], version, config),
    ...authEndpoints(service.services),
    ...sessionEndpoints(service.services),
    ...inferenceEndpoints(predictors, config, rowFormats),
  ];
});
afterAll(() => service.close());

type Method = 'get' | 'head' | 'post' | 'put' | 'delete' | 'options';

const pathOf = ({ path }: Endpoint) => path.replace('{name}', 'nsl-kdd-classifier').replace('{version}', '1');
const call = (method: Method, path: string) => service.http[method](path).auth(token, { type: 'bearer' });
/** The responses of all endpoints with a method, by path. */
async function each<T>(of: readonly Endpoint[], read: (path: string) => Promise<T>): Promise<Record<string, T>> {
  const results: Record<string, T> = {};
  for (const endpoint of of) results[pathOf(endpoint)] = await read(pathOf(endpoint));
  return results;
}
const all = <T>(of: readonly Endpoint[], value: T) =>
  Object.fromEntries(of.map((endpoint) => [pathOf(endpoint), value]));
const gets = () => endpoints.filter(({ method }) => method === 'GET');
const posts = () => endpoints.filter(({ method }) => method === 'POST');
const allowOf = (path: string) => {
  const methods = endpoints.filter((endpoint) => pathOf(endpoint) === path).map(({ method }) => method);
  return [
    ...(methods.includes('GET') ? ['GET', 'HEAD'] : []),
    ...(methods.includes('POST') ? ['POST'] : []),
    'OPTIONS',
  ].join(', ');
};

describe('every route', () => {
  test('200: GET responds, and HEAD the same without a body', async () => {
    const stable = ({ status, headers }: Response) => {
      const { date: _date, 'x-request-id': _id, ratelimit: _limit, ...rest } = headers as Record<string, string>;
      return { status, rest };
    };

    const same = await each(gets(), async (path) => {
      const [answer, head] = [await call('get', path), await call('head', path)];
      expect(stable(head)).toEqual(stable(answer));
      return [answer.status, Boolean(head.text)];
    });

    expect(same).toEqual(all(gets(), [200, false]));
  });

  test('405: another method is refused, and Allow lists the supported ones', async () => {
    const refused = await each(endpoints, async (path) => {
      const responses = [await call('put', path), await call('delete', path)];
      if (!allowOf(path).includes('GET')) responses.push(await call('get', path), await call('head', path));
      if (!allowOf(path).includes('POST')) responses.push(await call('post', path));
      return [...new Set(responses.map(({ status, headers }) => `${status} ${headers.allow}`))];
    });

    expect(refused).toEqual(Object.fromEntries(endpoints.map(pathOf).map((path) => [path, [`405 ${allowOf(path)}`]])));
  });

  test('204: OPTIONS lists the supported methods', async () => {
    const listed = await each(endpoints, async (path) => {
      const { status, headers } = await call('options', path);
      return `${status} ${headers.allow}`;
    });

    expect(listed).toEqual(Object.fromEntries(endpoints.map(pathOf).map((path) => [path, `204 ${allowOf(path)}`])));
  });

  test('200: a trailing slash is accepted', async () => {
    const withSlash = gets().filter(({ path }) => path !== '/');

    expect(await each(withSlash, async (path) => (await call('get', `${path}/`)).status)).toEqual(all(withSlash, 200));
    expect(await each(posts(), async (path) => (await call('put', `${path}/`)).status)).toEqual(all(posts(), 405));
  });

  test('404: a path in another case, or with one more segment, is another path', async () => {
    const named = endpoints.filter(({ path }) => path !== '/');
    const mistaken = (path: string) => [path.toUpperCase(), `${path}/x/y/z/more`];

    const statuses = await each(named, async (path) => {
      const found: number[] = [];
      for (const wrong of mistaken(path)) found.push((await call('get', wrong)).status);
      return found;
    });

    const expected = named.map((endpoint) => [
      pathOf(endpoint),
      // A well-known path in upper case is not even in canonical form.
      [endpoint.path.startsWith('/.well-known') ? 400 : 404, endpoint.path.startsWith('/.well-known') ? 400 : 404],
    ]);
    expect(statuses).toEqual(Object.fromEntries(expected));
  });

  test('415: a body of another media type is refused', async () => {
    const readers = posts().filter(({ access }) => access !== 'refresh token');

    const refused = await each(readers, async (path) => {
      const { status, headers } = await call('post', path).type('text/plain').send('x');
      return [status, typeof headers.accept];
    });

    expect(refused).toEqual(all(readers, [415, 'string']));
  });

  test('400: an unknown query parameter is refused', async () => {
    const refused = await each(endpoints, async (path) => {
      const method = allowOf(path).includes('GET') ? 'get' : 'post';
      return (await call(method, `${path}?unknown=1`).set('Content-Type', 'application/json')).status;
    });

    expect(refused).toEqual(all(endpoints, 400));
  });

  test('401: without a token, only the public routes respond, whatever the method', async () => {
    const closed = endpoints.filter(({ access }) => access !== 'public');

    const statuses = await each(closed, async (path) => {
      const found: number[] = [];
      const isRefresh = path === '/auth/refresh';
      for (const method of isRefresh ? (['post'] as const) : (['get', 'post', 'put', 'options'] as const)) {
        const { status, headers } = await service.http[method](path);
        found.push(status);
        expect(headers['www-authenticate']).toBe('Bearer realm="mlapi"');
      }
      return [...new Set(found)];
    });

    expect(statuses).toEqual(all(closed, [401]));
  });
});

test('404, or 401 and 405 under /api: a path of another protocol, with a colon in it', async () => {
  await service.http.post('/v1/models/x:predict').expect(404);
  await service.http.post('/api/models/x:predict').expect(401);
  await call('post', '/api/models/x:predict').expect(405);
  await service.http.get('/:x').expect(400);
});
