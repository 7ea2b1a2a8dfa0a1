import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../../support/compiled.ts';
import { freePort } from '../../support/nginx.ts';
import { processTree } from '../../support/process-tree.ts';
import { temporaryFolder } from '../../support/service.ts';
import { encodedQuestion, modelFolder, post } from './cases.ts';
import { onCore, type Server } from './measure.ts';
import type { MeasuredService } from './servers.ts';

const folder = join(projectRoot, 'test/assurance/bench/python');
const requirements = join(folder, 'requirements.txt');
const onnx = join(modelFolder, 'model.onnx');
/** The Python version of the pinned packages. */
const oldest = [3, 11];

/** A Python with the pinned packages, and a model trained by scikit-learn. */
export interface Python {
  /** The folder of its programs. */
  readonly bin: string;
  readonly model: string;
}

/** Creates the environment if it is missing; warns if that is impossible. */
export function findPython(say: (line: string) => void): Python | undefined {
  const parts = [requirements, join(folder, 'train.py'), onnx].map((path) => readFileSync(path));
  const digest = createHash('sha256').update(Buffer.concat(parts)).digest('hex').slice(0, 16);
  const home = join(tmpdir(), `mlapi-bench-python-${digest}`);
  if (!existsSync(home)) {
    const program = ['python3', 'python3.11', 'python3.12', 'python3.13'].find(isNewEnough);
    if (program === undefined) {
      sayMissing(say, `no Python ${oldest.join('.')}`);
      return undefined;
    }
    try {
      make(program, home, say);
    } catch (error) {
      sayMissing(say, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
  return { bin: join(home, 'bin'), model: join(home, 'model.joblib') };
}

function sayMissing(say: (line: string) => void, why: string): void {
  say(`NOT RUN: flask, fastapi (${why.split('\n')[0]})`);
}

function isNewEnough(program: string): boolean {
  const { stdout } = spawnSync(program, ['-c', 'import sys; print(*sys.version_info[:2])']) as {
    stdout: Buffer | null;
  };
  const [major = 0, minor = 0] = String(stdout).split(' ').map(Number);
  return major === oldest[0] && minor >= oldest[1]!;
}

/** Creates it under another name, and renames it when it is complete. */
function make(program: string, home: string, say: (line: string) => void): void {
  const draft = `${home}.${process.pid}`;
  try {
    say(`making a Python environment: ${home}`);
    execFileSync(program, ['-m', 'venv', draft]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements];
    execFileSync(join(draft, 'bin/python'), pip);
    const rows = join(draft, 'rows.json');
    writeFileSync(rows, encodedQuestion(3, 0).body);
    execFileSync(join(draft, 'bin/python'), [join(folder, 'train.py'), onnx, rows, join(draft, 'model.joblib')]);
    renameSync(draft, home);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Flask under gunicorn, one process, with threads: they keep connections open, but share the interpreter lock. */
export function startFlask(python: Python, service: MeasuredService): Promise<Server> {
  const words = ['-m', 'gunicorn', '--worker-class', 'gthread', '--workers', '1', '--threads', '4'];
  // Each connection of the measurement needs a thread.
  const more = ['--worker-connections', '2000', '--keep-alive', '60', '--log-level', 'error'];
  return start(python, service, python.model, (port) => [
    ...words,
    ...more,
    '--bind',
    `127.0.0.1:${port}`,
    'flask_server:app',
  ]);
}

/** FastAPI under uvicorn with uvloop and httptools, one process. */
export function startFastapi(python: Python, service: MeasuredService): Promise<Server> {
  const words = ['-m', 'uvicorn', '--loop', 'uvloop', '--http', 'httptools', '--no-access-log', '--log-level', 'error'];
  const address = (port: number) => ['--host', '127.0.0.1', '--port', String(port), '--timeout-keep-alive', '60'];
  return start(python, service, onnx, (port) => [...words, ...address(port), 'fastapi_server:app']);
}

async function start(
  { bin }: Python,
  { tokens, exportKeys }: MeasuredService,
  model: string,
  words: (port: number) => readonly string[],
): Promise<Server> {
  const port = await freePort();
  const keys = join(temporaryFolder(), 'jwks.json');
  writeFileSync(keys, exportKeys());
  const [program, ...rest] = [...onCore(0), join(bin, 'python'), ...words(port)] as [string, ...string[]];
  const { PATH = '' } = process.env;
  const cache = join(temporaryFolder(), 'cache');
  mkdirSync(cache);
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', ORT_DISABLE_TELEMETRY: '1' };
  const child = spawn(program, rest, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH, BENCH_JWKS: keys, BENCH_MODEL: model, PYTHONPYCACHEPREFIX: cache, ...threads },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  // gunicorn listens long before its worker can respond.
  for (let attempt = 0; !(await answers(port, tokens[0]!)); attempt += 1) {
    if (child.exitCode !== null || attempt > 600) throw new Error(`${rest.join(' ')} does not start`);
    await delay(50);
  }
  const [first, ...workers] = processTree(child.pid!);
  return {
    port,
    pids: workers.length === 0 ? { serving: [first!] } : { supervisor: first!, serving: workers },
    requests: (rows) => tokens.map((token, index) => post('/predict', encodedQuestion(rows, index % 3), token)),
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'close');
    },
  };
}

async function answers(port: number, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { body } = encodedQuestion(1, 0);
  const request = fetch(`http://127.0.0.1:${port}/predict`, { method: 'POST', headers, body });
  return request.then(
    ({ status }) => status === 200,
    () => false,
  );
}
