import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql, type RawBuilder } from 'kysely';
import { namesHeld } from '../../../mlapi/http/scopes.ts';
import { servingQuery, summariesQuery } from '../../../mlapi/models/catalog/version-lists.ts';
import type { Database } from '../../../mlapi/persistence/database.ts';
import { isPostgres } from '../../../mlapi/persistence/dialects.ts';
import { hasPostgres, TestPostgres } from '../../support/postgres.ts';
import { startService, type TestService } from '../../support/service.ts';
import { storeRows } from '../../support/stored-models.ts';
import { ask } from '../../support/ask.ts';

const count = 10_000;
const group = (index: number) => ['alpha', 'hog', 'hog.', 'hogs-', 'hoh', 'zulu'][index % 6]!;
const names = Array.from({ length: count }, (_, index) => `${group(index)}${index}`).sort();
const scopesOf: Record<string, string[]> = {
  all: ['models:read'],
  'one prefix': ['models:read:hog*'],
  'a prefix that is nobody’s': ['models:read:hogz*'],
  'names and prefixes': ['models:read:zulu5', 'models:read:alpha10*', 'models:read:hog.2', 'models:read:nobody'],
  'forty prefixes': Array.from({ length: 40 }, (_, index) => `models:read:n${index}*`),
};
const prefixOf = (scope: string) => scope.split(':')[2]!;
const expected = (scopes: readonly string[]) =>
  names.filter((name) =>
    scopes.some((scope) => {
      const [, , models] = scope.split(':');
      return models === undefined || (models.endsWith('*') ? name.startsWith(models.slice(0, -1)) : name === models);
    }),
  );

/** A model whose client adds and retires versions again and again; retired names are kept, but not listed. */
const churned = { model: 'hog1', versions: 3_000 };

/** Each model has two served versions and a retired one. */
async function fill({ services, clock }: TestService): Promise<void> {
  const rows = names.flatMap((model) => [
    ...['1', '2'].map((version) => ({ model, version })),
    ...Array.from({ length: model === churned.model ? churned.versions : 1 }, (_, index) => ({
      model,
      version: `retired-${index}`,
      isRetired: true,
    })),
  ]);
  await storeRows(services.database, rows, clock.now);
  const dead = Array.from({ length: 2_000 }, (_, index) => ({
    model: `hog.dead${index}`,
    version: '1',
    isRetired: true,
  }));
  await storeRows(services.database, dead, clock.now);
}

interface Plan {
  readonly 'Actual Rows'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows that PostgreSQL read from tables and indexes, discarded ones included. */
function rowsRead({ Plans = [], ...node }: Plan): number {
  const own = ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1);
  return Plans.length === 0 ? own : Plans.reduce((sum, plan) => sum + rowsRead(plan), 0);
}

interface Compiled {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

function explained(words: string, { sql: text, parameters }: Compiled): RawBuilder<Record<string, unknown>> {
  const pieces = text.split(/\?|\$\d+/);
  return sql.join<Record<string, unknown>>(
    pieces.flatMap((piece, index) => [
      sql.raw(index === 0 ? words + piece : piece),
      ...(index < parameters.length ? [sql`${parameters[index]}`] : []),
    ]),
    sql``,
  );
}

/** Fails if the query reads much more than it returns. */
async function checkWork(database: Database, query: { compile(): Compiled }, maxRows: number): Promise<void> {
  if (isPostgres(database)) {
    const { rows } = await explained('explain (analyze, format json) ', query.compile()).execute(database);
    const [{ Plan }] = rows[0]!['QUERY PLAN'] as [{ Plan: Plan }];
    expect(rowsRead(Plan)).toBeLessThanOrEqual(maxRows);
    return;
  }
  const { rows } = await explained('explain query plan ', query.compile()).execute(database);
  const steps = rows.map(({ detail }) => String(detail)).filter((step) => /\b(?:SCAN|SEARCH)\b/.test(step));
  const ranges = steps.filter((step) => step.startsWith('SEARCH model_versions '));
  // Each range has both bounds, or starts where the previous page ended, on an index of served versions.
  for (const step of ranges)
    expect(step).toMatch(
      /USING (?:COVERING )?INDEX model_versions_(?:serving|newest|owned) \(.*model>\? AND model<\?\)|\(\(model,version\)>\(\?,\?\) AND model<\?\)/,
    );
  expect(ranges.length).toBeGreaterThan(0);
  const others = steps.filter((step) => !ranges.includes(step) && !/^SCAN (?:named|one)$/.test(step));
  for (const step of others) expect(step).toMatch(/^SEARCH \w+ USING (?:COVERING )?INDEX \w+ \(model=\?/);
}

const places = [
  ['the usual database', () => undefined],
  ...(hasPostgres('lists on PostgreSQL') ? [['PostgreSQL', async () => TestPostgres.start()] as const] : []),
] as [string, () => Promise<TestPostgres> | undefined][];

describe.each(places)('10,000 models and many retired versions, on %s', (_, place) => {
  let server: TestPostgres | undefined;
  let service: TestService;
  beforeAll(async () => {
    server = await place();
    service = await startService(server === undefined ? {} : { MLAPI_DATABASE_URL: await server.newDatabase() });
    await fill(service);
    if (isPostgres(service.services.database)) await sql`analyze`.execute(service.services.database);
  });
  afterAll(async () => {
    await service.close();
    await server?.close();
  });

  const tokenOf = async (scopes: readonly string[]) => (await service.newClient(undefined, scopes)).tokens.access_token;
  const shipped = () => service.services.predictors.list().map(({ contract }) => contract.name);

  test.each(Object.entries(scopesOf))(
    '200: the pages contain all that the scopes allow, and nothing else: %s',
    async (_name, scopes) => {
      const token = await tokenOf(scopes);
      const seen: string[] = [];
      for (let after = ''; ;) {
        const { status, body } = await ask(service, token, ['GET', `/api/models?limit=100${after}`]);
        expect(status).toBe(200);
        const models = body.models as { name: string; version: string }[];
        // The newest served version.
        for (const { name, version } of models) if (names.includes(name)) expect(version).toBe('2');
        seen.push(...models.map(({ name }) => name));
        if (body.next === null) break;
        expect(models).toHaveLength(100);
        expect(body.next).toBe(models.at(-1)!.name);
        after = `&after=${body.next as string}`;
        // Reading all pages would show no more.
        if (seen.length >= 2_000) break;
      }
      const all = [...expected(scopes), ...shipped().filter(() => scopes[0] === 'models:read')].sort();
      expect(seen).toEqual(all.slice(0, seen.length));
      if (seen.length < 2_000) expect(seen).toHaveLength(all.length);
    },
  );

  test('200: ?prefix= and ?owner=me within the scopes', async () => {
    const token = await tokenOf(['models:read:hog*']);
    const list = async (query: string) => (await ask(service, token, ['GET', `/api/models?${query}`])).body;
    const named = async (query: string) => ((await list(query)).models as { name: string }[]).map(({ name }) => name);
    expect(await named('prefix=hogs-&limit=100')).toEqual(expected(['models:read:hogs-*']).slice(0, 100));
    expect(await named('prefix=hoh')).toEqual([]);
    expect(await named('prefix=h&limit=3')).toEqual(expected(['models:read:hog*']).slice(0, 3));
    expect(await list('owner=me')).toEqual({ models: [], next: null });
  });

  test('200: the index of /v2 has the versions of the allowed models only; with `ready`, only loaded ones', async () => {
    const token = await tokenOf(['models:read:hogs-*', 'models:read:nobody*']);
    const index = async (json: object) => {
      const answer = await ask(service, token, ['POST', '/v2/repository/index'], { json });
      return answer.body as unknown as { name: string; version: string }[];
    };
    const versions = expected(['models:read:hogs-*']).flatMap((name) => [`${name}/1`, `${name}/2`]);
    expect((await index({})).map(({ name, version }) => `${name}/${version}`)).toEqual(versions);
    expect(await index({ ready: true })).toEqual([]);
  });

  test.each(Object.entries(scopesOf))('a page reads only rows that it returns: %s', async (_name, scopes) => {
    const { database } = service.services;
    const ranges = namesHeld(scopes, 'models:read');
    const limit = 101;
    // Each name has two served versions; its alias, newest version and model are looked up.
    const most = limit * 5 + 10;
    await checkWork(database, summariesQuery(database, { ranges, ownerId: undefined, limit }), most);
    await checkWork(database, summariesQuery(database, { ranges, ownerId: 'me', limit }), most);
  });

  test('the last page, a page with a prefix and a page of the index read only rows that they return', async () => {
    const { database } = service.services;
    const page = { ownerId: undefined, limit: 101 };
    await checkWork(database, summariesQuery(database, { ...page, ranges: [{ from: 'zulu9 ', to: '{' }] }), 515);
    await checkWork(database, summariesQuery(database, { ...page, ranges: [{ from: 'hogz', to: 'hog{' }] }), 0);
    const range = { from: 'hog', to: 'hoh' };
    await checkWork(database, servingQuery(database, range, undefined, 500), 500);
    await checkWork(database, servingQuery(database, range, { name: 'hogs-9', version: '1' }, 500), 500);
    const end = { from: prefixOf('models:read:hog'), to: 'hoh' };
    await checkWork(database, servingQuery(database, end, { name: 'hogs-999', version: '2' }, 500), 500);
  });

  test('the newest version is found directly, even after 3,000 retired ones', async () => {
    const { database } = service.services;
    const ranges = namesHeld([`models:read:${churned.model}`], 'models:read');
    await checkWork(database, summariesQuery(database, { ranges, ownerId: undefined, limit: 101 }), 5);
  });
});
