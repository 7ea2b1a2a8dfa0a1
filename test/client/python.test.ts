import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, temporaryFolder, type TestService } from '../support/service.ts';
import { cut, inTurn, json, madeUp, startDouble } from './double.ts';

const requests = 'requests==2.34.2';
const python = findPython();
if (python === undefined) process.stderr.write('NOT RUN: files/python (no Python with requests, and none to be had)\n');

/** A Python that has requests, or a virtual environment made for it. */
function findPython(): string | undefined {
  const has = (program: string) => spawnSync(program, ['-c', 'import requests']).status === 0;
  if (has('python3')) return 'python3';
  const home = join(tmpdir(), `mlapi-test-${requests}`);
  const program = join(home, 'bin/python');
  if (existsSync(program)) return program;
  const made = `${home}.${process.pid}`;
  const isMade =
    spawnSync('python3', ['-m', 'venv', made]).status === 0 &&
    spawnSync(join(made, 'bin/python'), ['-m', 'pip', 'install', '--quiet', requests]).status === 0;
  if (!isMade || !has(join(made, 'bin/python'))) {
    rmSync(made, { recursive: true, force: true });
    return undefined;
  }
  renameSync(made, home);
  return program;
}

const path = resolve('files/python/predict.py');
const folder = temporaryFolder();

async function run(args: readonly string[], input = '') {
  // Don't write bytecode beside the source.
  const child = spawn(python!, ['-B', ...args], { cwd: folder, timeout: 60_000 });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolveEnd) => child.once('close', resolveEnd));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** Runs the file with a few lines appended. */
const runLines = (url: string, lines: string) => {
  const head = `import sys; sys.path.insert(0, ${JSON.stringify(resolve('files/python'))}); import predict; predict.random.uniform = lambda a, b: 0`;
  return run(['-c', `${head}\napi = predict.Mlapi(${JSON.stringify(url)})\n${lines}`]);
};

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

(python === undefined ? describe.skip : describe)('files/python/predict.py', () => {
  const expected = "['dos', 'normal', 'probe']\nprediction\ndos\nnormal\nprobe\n";

  test('spends a password, stores the tokens readable by the owner only, predicts, and reuses the tokens', async () => {
    const password = await service.services.clients.add('demo', { scopes: ['models:predict'] });
    expect(await run([path, service.url, 'demo'], `${password}\n`)).toEqual({ code: 0, stdout: expected, stderr: '' });
    const kept = join(folder, 'tokens.json');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    const before = readFileSync(kept, 'utf8');
    expect((await run([path, service.url])).stdout).toBe(expected);
    service.clock.advanceSeconds(901);
    expect((await run([path, service.url])).stdout).toBe(expected);
    expect(readFileSync(kept, 'utf8')).not.toBe(before);
    expect(await run([path, service.url, 'demo'], `${password}\n`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^401 invalid_client: /),
    });
  });

  test('a reusable client gets tokens with a secret from a file, gets new ones after expiry, and stores none', async () => {
    const secret = await service.services.clients.addReusable('cron', { scopes: ['models:predict'] });
    const file = join(folder, 'cron.secret');
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    const before = readdirSync(folder);
    for (let time = 0; time < 2; time += 1)
      expect(await run([path, service.url, 'cron', file])).toEqual({ code: 0, stdout: expected, stderr: '' });
    const ended = `api = predict.Mlapi(api.url, client=("cron", ${JSON.stringify(secret)}))
api.tokens["access_token"] = "x.y.z"
print(api.predict("nsl-kdd-classifier", json.load(open(${JSON.stringify(resolve('files/requests/three-rows.json'))})))["predictions"])`;
    expect((await runLines(service.url, `import json\n${ended}`)).stdout).toBe("['dos', 'normal', 'probe']\n");
    expect(readdirSync(folder)).toEqual(before);
  });

  test('400: the error names the row; 503 is retried; a lost refresh is not', async () => {
    expect(await runLines(service.url, 'api.predict("nsl-kdd-classifier", [[1]])')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^400 invalid_rows: .*\n {2}\/0/),
    });
    const busy = await startDouble(inTurn(json(503, {}, { 'retry-after': '0' }), json(200, { predictions: [1] })));
    const answered = await runLines(busy.url, `api.tokens = ${JSON.stringify(madeUp)}\nprint(api.predict("m", [[1]]))`);
    expect([answered, busy.seen.length]).toEqual([{ code: 0, stdout: "{'predictions': [1]}\n", stderr: '' }, 2]);
    await busy.close();
    const lossy = await startDouble(inTurn(json(401, {}), cut));
    const lost = await runLines(lossy.url, `api.tokens = ${JSON.stringify(madeUp)}\napi.predict("m", [[1]])`);
    expect([lost.code, lossy.seen]).toEqual([1, ['POST /api/models/m/predict', 'POST /auth/refresh']]);
    expect(lost.stderr).not.toMatch(/secret/);
    await lossy.close();
  });

  test('201: a model folder is uploaded as a form', async () => {
    let body = '';
    const store = await startDouble(async (request, response) => {
      body = (await buffer(request)).toString('latin1');
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"version":"1"}');
    });
    const model = JSON.stringify(resolve('resources/models/nsl-kdd-classifier'));
    const lines = `api.tokens = ${JSON.stringify(madeUp)}\nprint(api.upload("m", "1", ${model}))`;
    expect(await runLines(store.url, lines)).toEqual({ code: 0, stdout: "{'version': '1'}\n", stderr: '' });
    expect(store.seen).toEqual(['PUT /api/models/m/versions/1']);
    const parts = [...body.matchAll(/form-data; name="(\w+)"; filename="([\w.]+)"/g)].map(([, ...part]) => part);
    expect(parts).toEqual([
      ['model', 'model.onnx'],
      ['contract', 'model.json'],
      ['encoding', 'encoding.csv'],
      ['sample', 'sample.json'],
    ]);
    await store.close();
  });
});
