import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi, serve, type TestProcess } from '../support/child.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { processTree } from '../support/process-tree.ts';
import { temporaryFolder } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';
import { until } from '../support/running.ts';
import { readyWorkersOf } from '../support/workers.ts';

const shipped = join(process.cwd(), 'resources/models/nsl-kdd-classifier');
const workers = 2;
const dataDir = temporaryFolder();
let service: TestProcess;
let url: string;
let token: string;
beforeAll(async () => {
  ({ service, url } = await serve(dataDir, {
    variables: { MLAPI_WORKERS: String(workers), MLAPI_RATE_LIMIT_PER_MINUTE: '1000000' },
  }));
  await mlapi(dataDir, ['clients', 'add', 'ada', '--scopes', allScopes.join(',')]);
  const { stdout } = await mlapi(dataDir, ['tokens', 'issue', 'ada']);
  token = (JSON.parse(stdout) as { access_token: string }).access_token;
  await until(() => readyWorkersOf(service).length === workers);
}, 120_000);
afterAll(() => service.kill('SIGTERM'));

const models = async () => (await mlapi(dataDir, ['models', 'stored'])).stdout;
/** Opens its own connection, so that any worker may get it. */
const predict = (path: string, row: readonly unknown[] = [0]) =>
  ask({ url }, token, ['POST', `/api/models/${path}/predict`], { json: [row], headers: { connection: 'close' } });

describe('with several workers', () => {
  test('201, then 200 from every worker at once; 404 from each once it is retired', async () => {
    expect((await upload({ url }, token, ['shared', '1'], { model: identityModel(1) })).status).toBe(201);

    const answers = await Promise.all(Array.from({ length: 16 }, () => predict('shared')));

    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
    expect((await ask({ url }, token, ['DELETE', '/api/models/shared/versions/1'])).status).toBe(204);
    await until(async () => {
      const after = await Promise.all(Array.from({ length: 16 }, () => predict('shared')));
      return after.every(({ status }) => status === 404);
    });
  }, 60_000);

  test('exactly one 201 of parallel uploads of one version over all workers', async () => {
    const sent = await Promise.all(
      Array.from({ length: 8 }, () => upload({ url }, token, ['raced', '1'], { model: identityModel(1) })),
    );

    expect(sent.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
    expect(readdirSync(join(dataDir, 'models/incoming'))).toEqual([]);
  }, 60_000);
});

describe('commands', () => {
  test('models add: a folder becomes a version that the running service serves', async () => {
    const added = await mlapi(dataDir, ['models', 'add', shipped, '--name', 'traffic', '--version', '7']);

    expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^traffic\t7\t[0-9a-f]{64}\n$/) });
    const information = await ask({ url }, token, ['GET', '/api/models/traffic']);
    expect(information.body).toMatchObject({ name: 'traffic', version: '7' });
    const answer = await ask({ url }, token, ['POST', '/api/models/traffic/predict'], {
      json: [information.body.sample],
    });
    expect(answer).toMatchObject({ status: 200, body: { version: '7' } });
    expect(await mlapi(dataDir, ['models', 'add', shipped, '--name', 'traffic', '--version', '7'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('versions are immutable'),
    });
    expect(await mlapi(dataDir, ['models', 'add', shipped])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The service has a model of this name'),
    });
  }, 120_000);

  test('models add: encoding and sample are the files that the contract names, only from the folder', async () => {
    const folder = join(temporaryFolder(), 'renamed');
    cpSync(shipped, folder, { recursive: true });
    const contract = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as object;
    const rename = (names: object) =>
      writeFileSync(join(folder, 'model.json'), JSON.stringify({ ...contract, ...names }));
    renameSync(join(folder, 'encoding.csv'), join(folder, 'codes.csv'));
    renameSync(join(folder, 'sample.json'), join(folder, 'one-row.json'));
    const add = () => mlapi(dataDir, ['models', 'add', folder, '--name', 'renamed', '--version', '1']);

    rename({ encoding: '../renamed/codes.csv', sample: 'one-row.json' });
    expect(await add()).toMatchObject({ code: 1, stderr: expect.stringContaining('encoding') });
    rename({ encoding: 'codes.csv', sample: 'one-row.json' });
    expect(await add()).toMatchObject({ code: 0 });

    const information = await ask({ url }, token, ['GET', '/api/models/renamed']);
    expect(information.body.sample).toEqual(JSON.parse(readFileSync(join(shipped, 'sample.json'), 'utf8')));
  }, 120_000);

  test('models import: adds every folder; rejected ones are reported, the others added', async () => {
    const folder = temporaryFolder();
    for (const name of ['good', 'other']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'model.onnx'), identityModel(2));
    }
    cpSync('package.json', join(folder, 'bad', 'model.onnx'));

    const imported = await mlapi(dataDir, ['models', 'import', folder]);

    expect(imported.code).toBe(1);
    expect(imported.stderr).toMatch(/bad: .*\n.*1 of 3 folders were not added/);
    expect(await models()).toMatch(/good\t1\t\d+ bytes\tstored\nother\t1\t/);
  }, 120_000);

  test('models alias and models retire', async () => {
    expect((await mlapi(dataDir, ['models', 'alias', 'good', 'stable', '1'])).code).toBe(0);
    expect((await predict('good/versions/@stable', [0, 1])).body).toMatchObject({ version: '1', predictions: [1] });
    expect((await mlapi(dataDir, ['models', 'retire', 'good', '1'])).stderr).toContain('alias stable points to');
    expect((await mlapi(dataDir, ['models', 'retire', 'other', '1'])).code).toBe(0);
    expect(await models()).toMatch(/other\t1\t\d+ bytes\tretired/);
  }, 120_000);
});

test('a killed worker’s model processes end with it', async () => {
  expect((await predict('traffic', [])).status).toBe(400);
  const [worker = 0] = readyWorkersOf(service);
  const children = processTree(worker).slice(1);

  process.kill(worker, 'SIGKILL');

  await until(() => children.every((pid) => !isThere(pid)));
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
