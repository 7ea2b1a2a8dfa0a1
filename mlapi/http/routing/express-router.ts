import express, { type Express, type RequestHandler, type Router } from 'express';
import type { Endpoint } from '../endpoint.ts';
import { Exchange, type Check } from '../exchange.ts';
import { Problem } from '../problem.ts';
import { send } from '../response/send.ts';
import { handle, publicOnly, type Authorize } from './handle.ts';

const verbs = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const;

/** Express as it is used here: for its routing alone. */
export function createExpress(): Express {
  const application = express();
  return application
    .disable('x-powered-by')
    .disable('etag')
    .enable('case sensitive routing')
    .set('query parser', false);
}

/** An Express router for a list of endpoints. Another method on their paths is 405; HEAD works where GET does. */
export function routes(endpoints: readonly Endpoint[], authorize: Authorize = publicOnly): Router {
  const router = express.Router({ caseSensitive: true });
  const paths = new Set(endpoints.map(({ path }) => path));
  for (const path of paths) {
    const route = router.route(expressPath(path));
    const group = endpoints.filter((endpoint) => endpoint.path === path);
    for (const endpoint of group) {
      const serve: RequestHandler = (request) =>
        handle(endpoint, Exchange.of(request), { params: request.params as Record<string, string>, authorize });
      route[verbs[endpoint.method]](serve);
    }
    route.all(
      otherMethods(
        path,
        group.map(({ method }) => method),
      ),
    );
  }
  return router;
}

/** Says which route a request is for ahead of the checks, so that also what these refuse is counted with it. */
export function routeNames(endpoints: readonly Endpoint[]): Router {
  const router = express.Router({ caseSensitive: true });
  for (const path of new Set(endpoints.map((endpoint) => endpoint.path)))
    router.all(expressPath(path), (request, _response, next) => {
      Exchange.of(request).route = path;
      next();
    });
  return router;
}

/** Checks as Express takes them. */
export function checked(checks: readonly Check[]): RequestHandler[] {
  return checks.map((check) => async (request, _response, next) => {
    await check(Exchange.of(request));
    next();
  });
}

/** The first segments of the paths of endpoints, each once: a check that is mounted there comes before all of them, and before what is none. */
export function firstSegments(endpoints: readonly Endpoint[]): string[] {
  return [...new Set(endpoints.map(({ path }) => `/${path.split('/')[1] ?? ''}`))];
}

function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function otherMethods(path: string, methods: readonly string[]): RequestHandler {
  const allow = [
    ...(methods.includes('GET') ? ['GET', 'HEAD'] : []),
    ...methods.filter((method) => method !== 'GET'),
    'OPTIONS',
  ].join(', ');
  return (request) => {
    Exchange.of(request).route = path;
    if (request.method !== 'OPTIONS') {
      throw new Problem(405, 'method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
    }
    send(Exchange.of(request), { status: 204, headers: { allow } });
  };
}
