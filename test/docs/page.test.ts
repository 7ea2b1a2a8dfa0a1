import { spawnSync, execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { permissions } from '../../mlapi/features.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { startService, temporaryFolder, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const hostile = `<script>alert(1)</script>"'&`;

let service: TestService;
let page: string;
beforeAll(async () => {
  service = await startService({ MLAPI_MODELS_DIR: hostileModels() });
  page = (await service.http.get('/api/docs').expect(200).expect('content-type', 'text/html; charset=utf-8')).text;
});
afterAll(() => service.close());

describe('GET /api/docs', () => {
  test('200: the Content-Security-Policy allows only the page’s style, by its digest', async () => {
    const { headers } = await service.http.get('/api/docs').expect(200);

    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(page).not.toMatch(/<(?:script|img|link|iframe|form)|\sstyle=|\son\w+=|@import|url\(/i);
  });

  test('200: the text of a contract is escaped', () => {
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;');
  });

  test('200: every link resolves', async () => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => href);

    expect(new Set(ids).size).toBe(ids.length);
    expect(links.length).toBeGreaterThan(5);
    for (const href of links) {
      if (href.startsWith('#')) expect(ids).toContain(href.slice(1));
      else await service.http.get(href).expect(200);
    }
  });

  test('200: neither document contains a secret', async () => {
    const { name, password, tokens } = await service.newClient();
    const { text } = await service.http.get('/api/openapi.json').expect(200);
    const secrets = [
      password,
      tokens.access_token,
      name,
      'a passphrase for tests only',
      service.dataDir,
      process.cwd(),
    ];

    for (const document of [page, text]) {
      for (const secret of secrets) expect(document).not.toContain(secret);
      expect(document).not.toMatch(/PRIVATE KEY|argon2|[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/);
    }
  });
});

// The commands need a shell with curl; skipped where there is none.
(hasCurl ? describe : describe.skip)('the commands to paste', () => {
  test('200: reset, predict and refresh work in the order of the page', async () => {
    const password = await service.services.clients.add('demo');

    const output = await shell([
      ...linesOf('Get tokens'),
      `HOST=${service.url}; PASSWORD='${password}'`,
      ...linesOf('Get tokens').map((lines) => lines.replace(/^(?:HOST|PASSWORD)=.*$/gm, '')),
      ...linesOf('Predict'),
      ...linesOf('Refresh'),
      ...linesOf('Predict'),
    ]);

    const answer = expect.stringMatching(/^\{"model":"hostile","version":"1","predictions":\["[^"]+"\]\}$/) as unknown;
    expect(output).toEqual([answer, answer]);
  });

  test('200: the command for each endpoint with an access token works', async () => {
    const { tokens } = await service.newClient(undefined, permissions);
    const lines = linesOf('Try ').filter((line) => line.includes('$TOKEN'));
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'model.onnx'), identityModel(2));

    const output = await shell([
      `cd ${folder}; HOST=${service.url}; TOKEN=${tokens.access_token}`,
      ...lines.map((line) => `${line} -o /dev/null -w '%{http_code}\\n'`),
    ]);

    expect(lines.length).toBeGreaterThanOrEqual(7);
    // A shipped model cannot be unloaded.
    const usual = expect.stringMatching(/^20[014]$/) as unknown;
    expect(output).toEqual(lines.map((line) => (/\/repository\/.*\/unload"/.test(line) ? '409' : usual)));
  });
});

/** The text of every block on the page whose label starts like this. */
function linesOf(label: string): string[] {
  return [...page.matchAll(/<pre [^>]*aria-label="([^"]*)"><code>(.*?)<\/code>/gs)]
    .filter(([, name = '']) => name.startsWith(label))
    .map(([, , code = '']) => code.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => characters[name] ?? ''));
}

const characters: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };

async function shell(commands: readonly string[]): Promise<string[]> {
  const { stdout } = await run('bash', ['-c', commands.join('\necho\n')]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** A model whose contract tries to inject markup and to break out of quotes. */
function hostileModels(): string {
  const models = temporaryFolder();
  const folder = join(models, 'hostile');
  mkdirSync(folder);
  cpSync('test/fixtures/iris/model.onnx', join(folder, 'model.onnx'));
  const features = ['a', 'b', 'c'].map((name) => ({
    name: `${name} ${hostile}`,
    type: 'number',
    description: hostile,
  }));
  const contract = {
    name: 'hostile',
    description: hostile,
    features: [...features, { name: '$(false) `false` \\', type: 'number' }],
    output: { kind: 'class_scores', labels: ['setosa', 'versicolor', 'virginica'] },
  };
  writeFileSync(join(folder, 'model.json'), JSON.stringify(contract));
  return models;
}
