import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { constants as constantsOf, getPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { findModelIsolation } from '../../../mlapi/inference/execution/model-isolation.ts';
import { ProcessPool } from '../../../mlapi/inference/execution/process-pool.ts';
import type { Matrix } from '../../../mlapi/inference/tensors/types.ts';
import type { Confinement } from '../../../mlapi/sandbox/confinement.ts';
import { startCompiled } from '../../support/child.ts';
import { writeModelFolders } from '../../support/model-folders.ts';
import { loadPredictor } from '../../support/predictors.ts';
import { processTree } from '../../support/process-tree.ts';
import { temporaryFolder } from '../../support/service.ts';
import { slowFolder } from '../../support/slow-model.ts';

const rowOf = (value: number): Matrix => ({ data: Float32Array.of(value), rows: 1, width: 1 });
const endless = rowOf(6_000);
const modelPath = () => join(writeModelFolders({ m: slowFolder() }), 'm/model.onnx');
const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const inMs = (ms: number) => performance.now() + ms;
const isAlive = (pid: number) => processTree(process.pid).includes(pid);

/** Unless it is reaped, an orphan that has ended stays as a zombie. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}

let pool: ProcessPool;
async function start(
  options: {
    slots?: number;
    quarantineMs?: number;
    path?: string;
    loadLimitMs?: number;
    confinement?: Confinement;
  } = {},
): Promise<ProcessPool> {
  const { path = modelPath(), ...rest } = options;
  pool = await ProcessPool.start({ path, sha256: sha256Of(path), outputName: 'y', slots: 1, ...rest });
  return pool;
}
const crash = () => {
  for (const { pid } of pool.memory()) process.kill(pid, 'SIGKILL');
};
afterEach(() => pool.release());

describe('a child process', () => {
  test('computes, and reports its memory', async () => {
    await start({ slots: 2 });

    const outputs = await Promise.all([pool.run(rowOf(5), Infinity), pool.run(rowOf(7), Infinity)]);

    expect(outputs.map(({ output }) => output)).toEqual(
      [5, 7].map((value) => ({ data: Float32Array.of(value), shape: [1, 1] })),
    );
    expect(pool.memory()).toHaveLength(2);
    for (const { rssBytes } of pool.memory()) expect(rssBytes).toBeGreaterThan(20e6);
  });

  test('gets none of the service’s environment variables, working directory or streams', async () => {
    process.env.MLAPI_KEY_PASSPHRASE = 'not for children';
    await start();
    const { pid } = pool.memory()[0]!;

    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0]);

    expect(names.filter((name) => name !== '').sort()).toEqual(['ORT_DISABLE_TELEMETRY']);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    for (const stream of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${stream}`)).toBe('/dev/null');
  });

  test('has a lower CPU priority than the service', async () => {
    await start();
    const { pid } = pool.memory()[0]!;

    const niceOf = (thread: string) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    };
    const threads = readdirSync(`/proc/${pid}/task`);
    expect(threads.length).toBeGreaterThan(1);
    for (const thread of threads) expect(niceOf(thread)).toBeGreaterThan(getPriority());
  });

  test('has a lower priority in the sandbox too', async () => {
    const isolation = await findModelIsolation();
    for (let time = 0; time < 3; time += 1) {
      await start({ confinement: { isolation, memoryBytes: 2 ** 30 } });
      const { pid } = pool.memory()[0]!;
      // Its ancestors may be the processes that build the sandbox.
      const commandOf = (member: number) => readFileSync(`/proc/${member}/cmdline`, 'utf8').split('\0');
      const programs = processTree(pid).filter((member) => commandOf(member)[0] === process.execPath);
      expect(programs.some((member) => commandOf(member).some((word) => word.includes('model-child')))).toBe(true);
      for (const member of programs) expect(getPriority(member)).toBe(constantsOf.priority.PRIORITY_BELOW_NORMAL);
      await pool.release();
    }
  }, 60_000);

  const heedsSessions = existsSync('/proc/sys/kernel/sched_autogroup_enabled');
  (heedsSessions ? test : test.skip)(
    'has a lower priority as a session, where Linux schedules by session',
    async () => {
      const isolation = await findModelIsolation();
      if (isolation !== 'namespaces') {
        console.warn('NOT TESTED: there is no bubblewrap, or it is not allowed');
        return;
      }
      const sessionOf = (process: number | string) => readFileSync(`/proc/${process}/autogroup`, 'utf8');
      const ours = sessionOf('self');

      await start({ slots: 3, confinement: { isolation, memoryBytes: 2 ** 30 } });

      const walls = pool.memory().map(({ pid }) => processTree(pid).at(-1)!);
      const lowered = new RegExp(`nice ${constantsOf.priority.PRIORITY_BELOW_NORMAL}$`, 'm');
      await until(() => walls.every((program) => lowered.test(sessionOf(program))));
      expect(sessionOf('self')).toBe(ours);

      // Without a sandbox it shares our session, whose priority it does not change.
      await pool.release();
      await start({ confinement: { isolation: 'limits', memoryBytes: 2 ** 30 } });
      expect(sessionOf(pool.memory()[0]!.pid)).toBe(ours);
    },
    60_000,
  );

  test('is killed at the deadline of its run, and replaced', async () => {
    await start();
    const [before] = pool.memory();
    const freed = new Promise<void>((resolve) => (pool.onChange = resolve));
    const deadline = inMs(200);

    await expect(pool.run(endless, deadline)).rejects.toMatchObject({ outcome: 'timeout' });

    expect(performance.now() - deadline).toBeLessThan(100);
    await freed;
    expect(isAlive(before!.pid)).toBe(false);
    expect(pool.memory()[0]!.pid).not.toBe(before!.pid);
    expect((await pool.run(rowOf(3), Infinity)).output.data[0]).toBe(3);
  });

  test('that crashes fails only its own run', async () => {
    await start({ slots: 2 });
    const [lost, kept] = [pool.run(endless, Infinity), pool.run(rowOf(500), Infinity)];

    process.kill(pool.memory()[0]!.pid, 'SIGKILL');

    await expect(lost).rejects.toMatchObject({ outcome: 'crashed', message: 'the model process exited: SIGKILL' });
    expect((await kept).output.data[0]).toBe(500);
    await until(() => pool.free === 2);
  });

  test('ignores signals, which are for the service', async () => {
    await start();
    const running = pool.run(rowOf(500), Infinity);

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pool.memory()[0]!.pid, signal);

    expect((await running).output.data[0]).toBe(500);
  });

  test('does not outlive the service, even during a run', async () => {
    const path = modelPath();
    await start({ path });
    const parent = startCompiled('test/support/endless-parent.ts', [path, sha256Of(path)]);
    const [, pid = ''] = await parent.says(/child (\d+)/);
    expect(existsSync(`/proc/${pid}`)).toBe(true);

    await parent.kill();

    await until(() => !isRunning(Number(pid)));
  });
});

test('a process whose parent ends during its start ends too', async () => {
  await start();
  const parent = startCompiled('test/support/short-lived-parent.ts', [modelPath()]);
  const [, pid = ''] = await parent.says(/child (\d+)/);

  await parent.ended;

  await until(() => !isRunning(Number(pid)));
});

describe('a process that hangs while loading the model', () => {
  const makePipe = (path: string) => execFileSync('mkfifo', [path]);
  /** Nothing can be read from it until it is closed. @returns undefined while nobody reads */
  const openPipe = (path: string) => {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
  };

  test('stops the start, with the reason', async () => {
    await start();
    const path = join(temporaryFolder(), 'model.onnx');
    makePipe(path);

    const starting = ProcessPool.start({ path, sha256: '', outputName: 'y', slots: 1, loadLimitMs: 300 });

    await expect(starting).rejects.toThrow(`${path}: the model was not loaded within 0.3 s`);
  });

  test('is killed, and loading is tried again', async () => {
    const path = modelPath();
    await start({ path, loadLimitMs: 5_000 });
    renameSync(path, `${path}.aside`);
    makePipe(path);

    crash();

    let pipe: number | undefined;
    await until(() => (pipe = openPipe(path)) !== undefined);
    const [{ pid: hanging } = { pid: 0 }] = pool.memory();
    renameSync(`${path}.aside`, path);
    await until(() => pool.free === 1);
    closeSync(pipe!);
    expect(isAlive(hanging)).toBe(false);
    expect((await pool.run(rowOf(1), Infinity)).output.data[0]).toBe(1);
  });
});

describe('a model that keeps crashing', () => {
  test('is quarantined after five crashes within a minute, and tried again later', async () => {
    await start({ slots: 1, quarantineMs: 500 });
    for (let count = 1; count <= 5; count += 1) {
      await until(() => pool.free === 1);
      expect(pool.fault).toBeUndefined();
      crash();
      await until(() => pool.free === 0);
    }
    await until(() => pool.fault !== undefined);

    expect(pool.fault?.message).toMatch(/crashed 5 times within a minute; last exit: SIGKILL/);
    expect(pool.memory()).toEqual([]);
    await until(() => pool.free === 1);
    expect(pool.fault).toBeUndefined();
    expect((await pool.run(rowOf(1), Infinity)).output.data[0]).toBe(1);
    crash();
    await until(() => pool.fault !== undefined);
  });

  test('is given up if its file differs from the one checked', async () => {
    const path = modelPath();
    await start({ path });
    writeFileSync(path, readFileSync('resources/models/nsl-kdd-classifier/model.onnx'));

    crash();

    await until(() => pool.fault !== undefined);
    await expect(ProcessPool.start({ path, sha256: 'another', outputName: 'y', slots: 1 })).rejects.toThrow(
      `${path}: the model file has changed`,
    );
  });
});

test('a model whose sample exceeds the time limit leaves no process behind', async () => {
  await start();
  const before = processTree(process.pid).length;

  const late = loadPredictor(slowFolder({ executor: 'child' }, 1_000), { predictTimeoutMs: 20 });

  await expect(late).rejects.toThrow(/took longer than 20 ms/);
  await until(() => processTree(process.pid).length <= before);
}, 60_000);
