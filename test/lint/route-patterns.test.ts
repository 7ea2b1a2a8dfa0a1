import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import { mountRoutes } from '../../application.ts';
import { startService, type TestService } from '../support/service.ts';

interface Layer {
  readonly route?: { readonly path: string };
  readonly handle: { readonly stack?: readonly Layer[] };
}

const require = createRequire(import.meta.url);
const recheck = require('recheck/lib/browser.js') as {
  checkSync(source: string, flags: string, options: { checker: 'automaton' }): { status: string };
};
const expressRequire = createRequire(require.resolve('express'));
const library = createRequire(expressRequire.resolve('router'))('path-to-regexp') as {
  pathToRegexp(path: string, options: object): { regexp: RegExp };
};

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

function expressionOf(path: string, end = true): RegExp {
  return library.pathToRegexp(path, { sensitive: true, end, trailing: true }).regexp;
}

/** A parameter is a whole segment, so a path can be matched in only one way. */
function expected(path: string): string {
  const segments = path.split('/').map((segment) => (segment.startsWith(':') ? String.raw`([^\/]+)` : segment));
  return String.raw`^(?:${segments.join(String.raw`\/`).replaceAll(/\./g, String.raw`\$&`)})(?:\/$)?$`;
}

function pathsOf(stack: readonly Layer[]): string[] {
  return stack.flatMap(({ route, handle }) => [
    ...(route === undefined ? [] : [route.path]),
    ...pathsOf(handle.stack ?? []),
  ]);
}

describe('the regular expressions that Express makes of our paths', () => {
  test('each has one form, which is proved linear', () => {
    const isLinear = ({ source, flags }: RegExp) =>
      recheck.checkSync(source, flags, { checker: 'automaton' }).status === 'safe';
    expect(expressionOf('/a/:b/c').source).toBe(expected('/a/:b/c'));
    expect(isLinear(expressionOf('/a/:b/c'))).toBe(true);
    // Paths mounted by "use" are matched as prefixes; they are in application.ts.
    for (const path of ['/auth', '/auth/session', '/api', '/v2'])
      expect(isLinear(expressionOf(path, false))).toBe(true);

    const { application } = mountRoutes(service.services) as { application: Express & { router: { stack: Layer[] } } };
    const paths = [...new Set(pathsOf(application.router.stack))];
    expect(paths).toEqual(expect.arrayContaining(['/', '/api/models/:name/versions/:version/predict']));
    expect(paths.map((path) => [path, expressionOf(path).source])).toEqual(paths.map((path) => [path, expected(path)]));
  });
});
