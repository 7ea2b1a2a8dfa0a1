import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { commands } from '../mlapi/cli/commands.ts';
import { variables } from '../mlapi/configuration.ts';
import { operationsOf, readDocument } from './docs/document.ts';
import { pages } from './docs/pages.ts';
import { startService, type TestService } from './support/service.ts';

const readme = readFileSync('README.md', 'utf8');
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('README.md', () => {
  test('its table of routes lists the served routes, with the required scope or token', async () => {
    const document = await readDocument(service);

    const served = operationsOf(document).map(({ route, operation: { security } }) => {
      const [scheme, scopes] = Object.entries(security[0] ?? {})[0] ?? ['public', []];
      const access = scheme.replace('Token', ' token');
      return [`\`${route}\``, scopes[0] === undefined ? access : `\`${scopes[0]}\``];
    });
    const written = tableUnder('Routes').map(([route, access]) => [route, access]);
    expect(written.sort()).toEqual(served.sort());
  });

  test('its table of variables matches the configuration: names, order, defaults and help', () => {
    expect(tableUnder('Variables')).toEqual(
      variables.map(({ name, shownDefault, help }) => [
        `\`${name}\``,
        shownDefault === '' ? '' : `\`${shownDefault}\``,
        help,
      ]),
    );
  });

  test('its table of commands matches the command line', () => {
    expect(tableUnder('Commands')).toEqual(Object.values(commands).map(({ usage, help }) => [`\`${usage}\``, help]));
  });

  test('its table of dependencies matches package.json, each with a reason', () => {
    const { dependencies, devDependencies } = manifest;
    const written = tableUnder('Dependencies');

    expect(written.map(([name]) => name).sort()).toEqual(
      [...Object.keys(dependencies), ...Object.keys(devDependencies)].map((name) => `\`${name}\``).sort(),
    );
    for (const [, reason] of written) expect(reason).not.toBe('');
  });

  test('every npm script that it names exists', () => {
    const named = [...readme.matchAll(/npm (?:run (?:-s )?)?([a-z]+(?::[a-z]+)*)/g)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'ci');

    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining([...new Set(named)]));
    expect(new Set(named).size).toBeGreaterThanOrEqual(5);
  });

  test('every path in its table of places exists, except those created at run time', () => {
    const places = tableUnder('Where things are').map(([path = '']) => path.replaceAll('`', ''));

    const missing = places.filter((path) => path !== 'var/' && !existsSync(path));
    expect(missing).toEqual([]);
  });

  test('200: the OpenAPI description begins as shown', async () => {
    const [, beginning = ''] = /^(\{"openapi".*) \.\.\.$/m.exec(readme) ?? [];
    const { text } = await service.http.get('/api/openapi.json').expect(200);
    expect(beginning).not.toBe('');
    expect(text.slice(0, beginning.length)).toBe(beginning);
  });

  /** Predicts as a new client. */
  async function predict(body: string, type = 'application/json') {
    const { tokens } = await service.newClient();
    return service.http
      .post('/api/ml')
      .set('Authorization', `Bearer ${tokens.access_token}`)
      .set('Content-Type', type)
      .send(body)
      .expect(200);
  }

  test('200: the sample requests return the labels shown', async () => {
    const printed = /-d '(\[\[0,"tcp".*?)'$/m.exec(readme)?.[1] ?? '';
    const one = await predict(printed);
    expect(readme).toContain(`\n${one.text}\n`);
    const three = await predict(readFileSync('files/requests/three-rows.json', 'utf8'));
    expect(three.body.predictions).toEqual(['dos', 'normal', 'probe']);
    const named = await predict(readFileSync('files/requests/one-row.json', 'utf8'));
    expect(named.body.predictions).toEqual(['dos']);
  });

  test('200: the sample rows in CSV return the same labels', async () => {
    const { body } = await predict(readFileSync('files/requests/three-rows.csv', 'utf8'), 'text/csv');

    expect(body.predictions).toEqual(['dos', 'normal', 'probe']);
  });
});

describe('the documents', () => {
  test.each(pages)('every relative link of %s resolves', (path) => {
    const links = [...readFileSync(path, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, target = '']) =>
      join(dirname(path), target),
    );

    expect(links.filter((target) => !existsSync(target))).toEqual([]);
  });

  test.each(pages)('every anchor link of %s finds its heading', (path) => {
    const headingsOf = (page: string) =>
      [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
    const links = [...readFileSync(path, 'utf8').matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)];

    const lost = links
      .map(([, page = '', anchor = '']) => ({ page: page === '' ? path : join(dirname(path), page), anchor }))
      .filter(({ page, anchor }) => !headingsOf(page).includes(anchor));
    expect(lost).toEqual([]);
  });

  test.each(pages)('every file and folder that %s names exists', (path) => {
    const text = readFileSync(path, 'utf8');
    const named = [...text.matchAll(/`((?:mlapi|test|files|resources\/models|\.ci)\/[^`\s*:]*)`/g)].map(
      ([, name = '']) => name,
    );
    const sources = [...text.matchAll(/`([\w-]+\.ts)`/g)].map(([, name = '']) => name);

    expect(named.filter((name) => !existsSync(name))).toEqual([]);
    expect(sources.filter((name) => !existsSync(name))).toEqual([]);
  });

  test.each(pages)('every variable and command that %s names exists', (path) => {
    const text = readFileSync(path, 'utf8');
    const known = variables.map(({ name }) => name);
    const called = [...text.matchAll(/npm run (?:-s )?mlapi -- ([a-z]+(?: [a-z-]+)?)/g)].map(([, name = '']) => name);

    const names = new Set(text.match(/MLAPI_[A-Z_]*[A-Z]/g));
    expect([...names].filter((name) => !known.includes(name))).toEqual([]);
    expect(called.filter((name) => !(name in commands))).toEqual([]);
  });
});

/** The body of the first table under a heading, cell by cell. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}
