import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Joi from 'joi';
import ts from 'typescript';
import { bytesBody, fileBody, jsonBody } from '../../mlapi/http/body/readers.ts';
import { endpoint } from '../../mlapi/http/endpoint.ts';
import { Problem } from '../../mlapi/http/problem.ts';

const docs = { operationId: 'test', summary: 'A test', tag: 'tests', statuses: {} };
const post = { method: 'POST', access: 'public', docs } as const;
const listQuery = Joi.object<{ readonly limit: number }, true>({ limit: Joi.number().default(20) });
const targetSchema = Joi.object<{ readonly version: string }, true>({ version: Joi.string().required() });

// The compiler is the test: without the error, tsc would reject the @ts-expect-error comment.
describe('a handler reads only what its endpoint declares', () => {
  test('the path determines the parameters', () => {
    endpoint({
      ...post,
      path: '/models/{name}/versions/{version}',
      handle: ({ params }) => ({ body: params.name.length + params.version.length }),
    });
    endpoint({
      ...post,
      path: '/models/{name}',
      // @ts-expect-error: the path has no such parameter
      handle: ({ params }) => ({ body: params.version }),
    });
    endpoint({
      ...post,
      path: ['/models', '{name}'].join('/'),
      // @ts-expect-error: a path built at run time has no known parameters
      handle: ({ params }) => ({ body: params.name }),
    });
  });

  test('a resource must be named by a parameter of the path', () => {
    const resource = {
      param: 'name',
      hidden: () => new Problem(404, 'hidden', 'Hidden.'),
      event: 'model_hidden',
    } as const;
    endpoint({ ...post, path: '/models/{name}', resource, handle: () => ({}) });
    // @ts-expect-error: the path has no such parameter
    endpoint({ ...post, path: '/models/{model}', resource, handle: () => ({}) });
  });

  test('the schema of the query determines its fields', () => {
    endpoint({ ...post, path: '/', query: listQuery, handle: ({ query }) => ({ body: query.limit.toFixed() }) });
    endpoint({
      ...post,
      path: '/',
      query: listQuery,
      // @ts-expect-error: the schema has no such field
      handle: ({ query }) => ({ body: query.after }),
    });
    endpoint({
      ...post,
      path: '/',
      // @ts-expect-error: no query was declared
      handle: ({ query }) => ({ body: query.limit }),
    });
    endpoint({
      ...post,
      path: '/',
      query: Joi.object({ limit: Joi.number() }),
      // @ts-expect-error: the schema does not declare its result type
      handle: ({ query }) => ({ body: query.limit }),
    });
  });

  test('the schema of the body determines its type', () => {
    const body = { reader: jsonBody(100), schema: targetSchema };
    endpoint({ ...post, path: '/', body, handle: ({ body: { version } }) => ({ body: version.length }) });
    endpoint({
      ...post,
      path: '/',
      body,
      // @ts-expect-error: the schema has no such field
      handle: ({ body: target }) => ({ body: target.other }),
    });
    endpoint({
      ...post,
      path: '/',
      // @ts-expect-error: no body was declared
      handle: ({ body: target }) => ({ body: target.version }),
    });
  });

  test('without a schema, the reader determines the type of the body', () => {
    endpoint({
      ...post,
      path: '/',
      body: { reader: bytesBody([], 100) },
      handle: ({ body }) => ({ body: body.subarray(1) }),
    });
    endpoint({
      ...post,
      path: '/',
      body: { reader: fileBody(100) },
      // @ts-expect-error: a streamed body is not a buffer
      handle: ({ body }) => ({ body: body.subarray(1) }),
    });
    endpoint({
      ...post,
      path: '/',
      body: { reader: jsonBody(100) },
      // @ts-expect-error: JSON is unknown
      handle: ({ body }) => ({ body: body.version }),
    });
  });
});

test('endpoint() returns the same object, so the types cost nothing at run time', () => {
  const typed = { ...post, path: '/', handle: () => ({}) };
  expect(endpoint(typed)).toBe(typed);
});

const checked = ['params', 'query', 'body', 'call'];

/** Casts and non-null assertions on request data, nested ones included. */
function casts(text: string): string[] {
  const found: string[] = [];
  const names = (node: ts.Node): string[] => {
    if (ts.isIdentifier(node)) return [node.text];
    if (ts.isPropertyAccessExpression(node)) return [node.name.text, ...names(node.expression)];
    if (
      ts.isElementAccessExpression(node) ||
      ts.isAsExpression(node) ||
      ts.isNonNullExpression(node) ||
      ts.isParenthesizedExpression(node) ||
      ts.isSatisfiesExpression(node)
    )
      return names(node.expression);
    return [];
  };
  const visit = (node: ts.Node): void => {
    const isCast =
      (ts.isAsExpression(node) && node.type.getText() !== 'const') ||
      ts.isTypeAssertionExpression(node) ||
      ts.isNonNullExpression(node);
    if (isCast && names(node.expression).some((name) => checked.includes(name))) found.push(node.getText());
    else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('handlers.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

describe('files with handlers', () => {
  const handlers = readdirSync('mlapi', { recursive: true, encoding: 'utf8' })
    .map((name) => join('mlapi', name))
    .filter((name) => name.endsWith('.ts') && !name.startsWith(join('mlapi', 'http', 'routing')))
    .filter((name) => readFileSync(name, 'utf8').includes("/endpoint.ts'"));

  test.each([
    'query as unknown as ListQuery',
    'call.body as Buffer',
    '(call.body as Form).scope',
    'call.params.name!',
    '(call as Call<Params>).params',
    '<Buffer>body',
    'body[0] as string',
  ])('the check finds the cast in: %s', (text) => {
    expect(casts(`const x = ${text};`)).toHaveLength(1);
  });

  test('none casts request data', () => {
    expect(handlers).toEqual(expect.arrayContaining(['mlapi/auth/routes.ts', 'mlapi/inference/routes.ts']));
    expect(handlers.length).toBeGreaterThan(5);
    const found = handlers.flatMap((file) => casts(readFileSync(file, 'utf8')).map((cast) => `${file}: ${cast}`));
    expect(found).toEqual([]);
  });
});
