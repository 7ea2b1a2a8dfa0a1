import express, { type Express, type RequestHandler, type Router } from 'express';
import type { Endpoint } from '../endpoint.ts';
import { Exchange, type Check } from '../exchange.ts';
import { Problem } from '../problem.ts';
import { send } from '../response/send.ts';
import { handle, publicOnly, runChecks } from './handle.ts';

const verbs = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const;

/** Express, used for routing only. */
export function createExpress(): Express {
  const application = express();
  return application
    .disable('x-powered-by')
    .disable('etag')
    .enable('case sensitive routing')
    .set('query parser', false);
}

/** Builds an Express router for endpoints. Other methods on their paths get 405; HEAD works where GET does. */
export function routes(endpoints: readonly Endpoint[], checks: readonly Check[] = [publicOnly]): Router {
  const router = express.Router({ caseSensitive: true });
  const paths = new Set(endpoints.map(({ path }) => path));
  for (const path of paths) {
    const route = router.route(expressPath(path));
    const group = endpoints.filter((endpoint) => endpoint.path === path);
    for (const endpoint of group) {
      const serve: RequestHandler = (request) =>
        handle({ endpoint, params: request.params as Record<string, string> }, Exchange.of(request), checks);
      route[verbs[endpoint.method]](serve);
    }
    route.all(
      otherMethods(
        path,
        group.map(({ method }) => method),
        checks,
      ),
    );
  }
  return router;
}

/** Sets the route before the checks run, so that requests they reject are counted under it. */
export function routeNames(endpoints: readonly Endpoint[]): Router {
  const router = express.Router({ caseSensitive: true });
  for (const path of new Set(endpoints.map((endpoint) => endpoint.path)))
    router.all(expressPath(path), (request, _response, next) => {
      Exchange.of(request).route = path;
      next();
    });
  return router;
}

/** Adapts checks to Express middleware. */
export function checked(checks: readonly Check[]): RequestHandler {
  return async (request, _response, next) => {
    await runChecks(checks, Exchange.of(request), undefined);
    next();
  };
}

/**
 * The first segments of the paths of endpoints, each once. Checks mounted there, behind the endpoints, answer unknown paths with 401 before
 * 404.
 */
export function firstSegments(endpoints: readonly Endpoint[]): string[] {
  return [...new Set(endpoints.map(({ path }) => `/${path.split('/')[1] ?? ''}`))];
}

function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function otherMethods(path: string, methods: readonly string[], checks: readonly Check[]): RequestHandler {
  const allow = [
    ...(methods.includes('GET') ? ['GET', 'HEAD'] : []),
    ...methods.filter((method) => method !== 'GET'),
    'OPTIONS',
  ].join(', ');
  return async (request) => {
    const exchange = Exchange.of(request);
    exchange.route = path;
    await runChecks(checks, exchange, undefined);
    if (request.method !== 'OPTIONS') {
      throw new Problem(405, 'method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
    }
    send(exchange, { status: 204, headers: { allow } });
  };
}
