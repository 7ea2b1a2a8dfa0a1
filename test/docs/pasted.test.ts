import { spawn, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { childVariables, serve, startScript, type TestProcess } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { freePort } from '../support/nginx.ts';
import { databaseOf } from '../support/postgres.ts';
import { temporaryFolder } from '../support/service.ts';
import { blocksOf, pages } from './pages.ts';

const dataDir = temporaryFolder();
let service: TestProcess;
let url: string;
let variables: Record<string, string>;
beforeAll(async () => {
  // A fixed port, because the issuer contains it and libraries find the service by the issuer.
  variables = { MLAPI_DATA_DIR: dataDir, MLAPI_PORT: String(await freePort()) };
  ({ service, url } = await serve(dataDir, { variables }));
});
afterAll(() => service.kill());

/** Runs lines of a page in a shell in the project's root, against this service. */
async function paste(lines: string, input = ''): Promise<string> {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, ...childVariables, ...databaseOf(dataDir), ...variables };
  const shell = spawn('bash', ['-c', here(lines)], { cwd: projectRoot, env });
  shell.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
  expect(stderr).toBe('');
  return stdout;
}

function here(lines: string): string {
  return lines.replaceAll('http://127.0.0.1:8080', url);
}

describe('the commands in the pages work as written', () => {
  test('the model store: a client, its token, an upload, then an alias with a canary and a shadow', async () => {
    const page = blocksOf('files/model-store.md');
    const [register, upload, alias] = page.filter(({ language }) => language === 'sh').map(({ lines }) => lines);
    const [stored = '', moved = ''] = page.filter(({ language }) => language === '').map(({ lines }) => lines);

    const others = ['2', '3'].map((version) => upload!.replace('versions/1', `versions/${version}`));
    const stdout = await paste([register, upload, ...others, alias].join(''));

    const answers = [...stdout.matchAll(/^\{.*\}/gm)].map(([answer]) => JSON.parse(answer) as object);
    const anyText: unknown = expect.any(String);
    expect(answers).toHaveLength(4);
    expect(answers[0]).toEqual({ ...(JSON.parse(stored) as object), sha256: anyText, createdAt: anyText });
    expect(answers[3]).toEqual({ ...(JSON.parse(moved) as object), updatedAt: anyText });
  }, 180_000);

  test('clients: a cron job with curl, and openid-client with the same secret', async () => {
    const page = blocksOf('files/clients.md');
    const [add, readSecret, grant] = page.filter(({ language }) => language === 'sh').map(({ lines }) => lines);

    const [, secret = ''] = /^secret: (mlapi_\S+)\n$/.exec(await paste(add!))!;
    expect(page[1]?.lines).toBe('secret: mlapi_...\n');
    expect(JSON.parse(await paste(readSecret! + grant!, `${secret}\n`))).toMatchObject({ scope: 'models:predict' });

    const { lines: program } = page.find(({ lines }) => lines.includes('openid-client'))!;
    // In the project, so that its import resolves.
    const path = `.token-${process.pid}.ts`;
    writeFileSync(path, `${here(program)}console.log(token);\n`);
    try {
      const script = startScript(path, [], { cwd: projectRoot, variables: { CLIENT_SECRET: secret } });
      expect([await script.ended, script.stderr]).toEqual([{ code: 0, signal: null }, '']);
      expect(script.stdout).toMatch(/^eyJ\S+\n$/);
    } finally {
      rmSync(path);
    }
  });
});

describe.each(pages)('%s', (path) => {
  const blocks = blocksOf(path);

  test('no command has a prompt, and output has blocks of its own', () => {
    const lines = blocks.flatMap((block) => block.lines.split('\n'));
    expect(lines.filter((line) => line.startsWith('$ '))).toEqual([]);
    expect(blocks.filter(({ language }) => language === 'console')).toEqual([]);
  });

  test('no block changes a model and calls it, because npm run dev restarts in between', () => {
    const both = blocks.filter(({ lines }) => lines.includes('.venv/bin/python wine.py') && lines.includes('curl'));
    expect(both).toEqual([]);
  });
});

test('the Python of the pages uses no undefined names', () => {
  const programs = pages
    .flatMap((path) => {
      const python = blocksOf(path).filter(({ language }) => language === 'python');
      // Two blocks of a page are one program, unless the second starts with another file's name.
      return python
        .map(({ lines }) => lines)
        .join('\n')
        .split(/^(?=# \w+\.py)/m);
    })
    .filter((program) => program !== '');

  expect(programs.length).toBeGreaterThanOrEqual(1);
  for (const program of programs) {
    const { stdout, stderr } = spawnSync('python3', ['-c', undefinedNames], { input: program, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['[]\n', '']);
  }
});

const undefinedNames = `
import ast, builtins, sys
tree = list(ast.walk(ast.parse(sys.stdin.read())))
names = [node for node in tree if isinstance(node, ast.Name)]
defined = {node.id for node in names if isinstance(node.ctx, ast.Store)} | set(dir(builtins))
defined |= {(each.asname or each.name).split(".")[0] for node in tree if isinstance(node, (ast.Import, ast.ImportFrom)) for each in node.names}
defined |= {node.name for node in tree if isinstance(node, (ast.FunctionDef, ast.ClassDef))} | {node.arg for node in tree if isinstance(node, ast.arg)}
print(sorted({node.id for node in names} - defined))
`;
