import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload, type ModelFiles } from '../../support/uploads.ts';

/** A Python with the packages of test/inference/remote/requirements.txt. */
const python = process.env.TEST_MLSERVER_PYTHON ?? '';
if (python === '') console.warn('SKIPPED: MLServer (TEST_MLSERVER_PYTHON names no Python that has it)');
const testMlServer = python === '' ? test.skip : test;

const sizes = ['small', 'medium', 'large'];
const rows = [
  { a: 0.5, size: 'LARGE', c: -1 },
  { a: -2, size: 'small', c: 0.25 },
  { a: 1.75, size: 'medium', c: 3 },
];
const encoded = rows.map(({ a, size, c }) => [a, sizes.indexOf(size.toLowerCase()), c]);

let folder: string;
let port: number;
let expected: { scores: number[][]; classes: number[] };
let server: ChildProcess | undefined;
let service: TestService;
let token: string;
beforeAll(async () => {
  if (python === '') return;
  folder = temporaryFolder();
  port = await freePorts();
  const words = ['test/inference/remote/mlserver.py', folder, String(port), JSON.stringify(encoded)];
  expected = JSON.parse(execFileSync(python, words, { encoding: 'utf8' })) as typeof expected;
  await startMlServer();
  service = await startService({ MLAPI_REMOTE_SERVERS: `http://127.0.0.1:${port}` });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
}, 120_000);
afterAll(async () => {
  if (python === '') return;
  await stopMlServer();
  await service.close();
});

/** The first of three consecutive ports. */
async function freePorts(): Promise<number> {
  const listen = async (wanted: number) => {
    const listener = createServer();
    listener.listen(wanted, '127.0.0.1');
    await once(listener, 'listening');
    return listener;
  };
  for (;;) {
    const first = await listen(0);
    const { port: found } = first.address() as AddressInfo;
    const others = await Promise.allSettled([listen(found + 1), listen(found + 2)]);
    first.close();
    for (const other of others) if (other.status === 'fulfilled') other.value.close();
    if (others.every(({ status }) => status === 'fulfilled')) return found;
  }
}

async function startMlServer(): Promise<void> {
  const program = join(dirname(python), 'mlserver');
  const child = spawn(program, ['start', folder], { stdio: 'ignore' });
  server = child;
  process.once('exit', () => child.kill('SIGKILL'));
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/v2/models/sizes/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`MLServer ended with ${child.exitCode}`);
    await delay(100);
  }
}

async function stopMlServer(): Promise<void> {
  if (server === undefined) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  server = undefined;
}

const predict = (json: unknown, query = '') =>
  ask(service, token, ['POST', `/api/models/sizes/predict${query}`], { json });

testMlServer(
  'predictions through MLServer equal scikit-learn’s; 503 while it is down, 200 once it is back',
  async () => {
    const files: ModelFiles = {
      contract: {
        name: 'sizes',
        features: [
          { name: 'a', type: 'number' },
          { name: 'size', type: 'category' },
          { name: 'c', type: 'number' },
        ],
        encoding: 'encoding.csv',
        output: { kind: 'class_scores', tensor: 'predict_proba', scores: 'per-class', labels: ['none', 'one', 'both'] },
        remote: { url: `http://127.0.0.1:${port}`, model: 'sizes', version: 'v1' },
      },
      encoding: ['column,name,category,encoding', ...sizes.map((size, code) => `1,size,${size},${code}`)].join('\n'),
    };
    expect(await upload(service, token, ['sizes', '1'], files)).toMatchObject({ status: 201 });

    const answer = await predict(rows, '?scores=true');
    expect(answer.body.predictions).toEqual(expected.classes.map((number) => ['none', 'one', 'both'][number]));
    expect(answer.body.scores).toEqual(expected.scores);

    const tensor = { name: 'x', shape: [3, 3], datatype: 'FP64', data: encoded.flat() };
    const inferred = await ask(service, token, ['POST', '/v2/models/sizes/infer'], { json: { inputs: [tensor] } });
    expect(inferred.body.outputs).toEqual([
      { name: 'predict_proba', datatype: 'FP64', shape: [3, 3], data: expected.scores.flat() },
      { name: 'predict', datatype: 'INT64', shape: [3, 1], data: expected.classes },
    ]);

    // MLServer overflows to NaN, which its JSON writes as null.
    const overflow = await predict([{ a: 1e308, size: 'small', c: -1e308 }]);
    expect(overflow).toMatchObject({ status: 422, body: { code: 'invalid_model_output' } });
    expect(await predict([{ a: 1, size: 'tiny', c: 1 }])).toMatchObject({ status: 400 });

    await stopMlServer();
    let away = await predict(rows);
    expect(away).toMatchObject({ status: 503, body: { code: 'temporarily_unavailable' } });
    while (away.body.code === 'temporarily_unavailable') away = await predict(rows);
    expect(away).toMatchObject({ status: 503, body: { code: 'model_unavailable' } });
    expect(away.headers.get('retry-after')).toBe('5');

    await startMlServer();
    let back = await predict(rows);
    while (back.status === 503) {
      await delay(50);
      back = await predict(rows);
    }
    expect(back.body.predictions).toEqual(answer.body.predictions);
  },
  120_000,
);
