import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startCompiled } from '../../support/child.ts';
import { contractOf, writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { loadPredictor, type WatchedPredictor } from '../../support/predictors.ts';
import { processTree } from '../../support/process-tree.ts';
import { slowFolder } from '../../support/slow-model.ts';

let model: WatchedPredictor;
async function open(...given: Parameters<typeof loadPredictor>): Promise<void> {
  model = await loadPredictor(...given);
}
afterEach(() => model.predictor.release());

const crash = () => {
  for (const { pid } of model.predictor.sessions().memory) process.kill(pid, 'SIGKILL');
};
/** One child, however many cores there are. */
const oneChild = { processes: 1_000 };
const child = (more: object = {}) => slowFolder({ executor: 'child', ...more });
const endless = [[6_000]];

describe('where a model runs', () => {
  test.each([
    ['inline, if its sample is fast', slowFolder(), 'inline'],
    ['in child processes, if its sample is slow', slowFolder({}, 400), 'child'],
    ['in child processes, if model.json says so', child(), 'child'],
    ['inline, if model.json says so', slowFolder({ executor: 'inline' }, 400), 'inline'],
  ])('%s', async (_, folder, kind) => {
    await open(folder);

    expect(await model.predict([[5]])).toEqual([5]);
    expect(model.predictor.sessions().kind).toBe(kind);
    for (const { pid, rssBytes } of model.predictor.sessions().memory) {
      expect(rssBytes).toBeGreaterThanOrEqual(0);
      expect(pid === process.pid).toBe(kind === 'inline');
    }
    expect(model.runs.at(-1)!.executor).toBe(kind);
  });
});

describe('a model whose requests run longer than its sample', () => {
  test('moves to child processes without losing a request', async () => {
    await open(slowFolder());
    expect(model.predictor.sessions().kind).toBe('inline');
    let isMoved = false;
    const caller = async (value: number) => {
      while (!isMoved) expect(await model.predict([[value]])).toEqual([value]);
    };
    const callers = [caller(1_300), caller(2), caller(3)];

    await until(() => expect(model.predictor.sessions().kind).toBe('child'));
    isMoved = true;

    await Promise.all(callers);
    expect(await model.predict([[1_300]])).toEqual([1_300]);
    expect(model.runs.at(-1)!.executor).toBe('child');
  });

  test('stays inline if its runs are only delayed by a busy machine', async () => {
    await open(slowFolder());
    const runner = startCompiled('test/support/inline-runner.ts', [join(writeModelFolders({ m: slowFolder() }), 'm')]);
    await runner.says(/inline/);
    const longRuns = () => runner.stdout.split('\n').filter((line) => Number(line.split(' ')[1]) > 0.05);

    while (longRuns().length < 6) {
      runner.child.kill('SIGSTOP');
      await delay(80);
      runner.child.kill('SIGCONT');
      await delay(20);
    }

    const commands = processTree(runner.child.pid!).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    await runner.kill();
    expect(commands.filter((command) => command.includes('model-child'))).toEqual([]);
  });

  test('stays inline if model.json says so', async () => {
    await open(slowFolder({ executor: 'inline' }));

    for (let run = 0; run < 4; run += 1) await model.predict([[1_300]]);
    await delay(500);

    expect(model.predictor.sessions().kind).toBe('inline');
  });
});

describe('a deadline', () => {
  test('504: stops the run, which fails only its own requests', async () => {
    await open(child(), { ...oneChild, predictTimeoutMs: 400 });
    const began = performance.now();

    const late = model.predict(endless).catch((cause: unknown) => ({ cause, afterMs: performance.now() - began }));

    const { cause, afterMs } = (await late) as { cause: unknown; afterMs: number };
    expect(cause).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect(afterMs).toBeGreaterThanOrEqual(399);
    expect(afterMs).toBeLessThan(500);
    await until(() => expect(model.runs.map(({ outcome }) => outcome)).toEqual(['timeout']));
    await until(async () => expect(await model.predict([[2]])).toEqual([2]));
  });

  test('504: includes waiting time, from when the request was accepted', async () => {
    await open(child({ batching: { maxRows: 1 } }), { ...oneChild, predictTimeoutMs: 400 });
    const began = performance.now();

    const answers = await Promise.allSettled([model.predict(endless), model.predict([[1]]), model.predict([[1]])]);

    expect(answers).toMatchObject(Array(3).fill({ reason: { status: 504 } }));
    expect(performance.now() - began).toBeLessThan(500);
  });

  test('504: each request in a shared run has its full time limit', async () => {
    const batching = { maxWaitMicroseconds: 300_000, rowWise: true };
    await open(child({ batching }), { ...oneChild, predictTimeoutMs: 800 });
    const late = async () => {
      const began = performance.now();
      const cause: unknown = await model.predict(endless).catch((error: unknown) => error);
      return { cause, afterMs: performance.now() - began };
    };

    const first = late();
    await delay(150);
    const answers = await Promise.all([first, late()]);

    for (const { cause, afterMs } of answers) {
      expect(cause).toMatchObject({ status: 504 });
      expect(afterMs).toBeGreaterThanOrEqual(799);
      expect(afterMs).toBeLessThan(900);
    }
    await until(() => expect(model.runs).toMatchObject([{ requests: 2, outcome: 'timeout' }]));
  });
});

describe('overload', () => {
  test('503 with Retry-After, at once: requests that would wait past their deadline', async () => {
    await open(slowFolder({ executor: 'child', batching: { maxRows: 1 } }, 600), {
      ...oneChild,
      predictTimeoutMs: 2_000,
    });
    const began = performance.now();
    const refusedAfter: number[] = [];

    const answers = await Promise.allSettled(
      Array.from({ length: 400 }, () =>
        model.predict([[600]]).catch((cause: unknown) => {
          refusedAfter.push(performance.now() - began);
          throw cause;
        }),
      ),
    );

    const reasons = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as unknown);
    const shed = reasons.filter((reason) => (reason as { status: number }).status === 503);
    expect(shed.length).toBeGreaterThan(200);
    expect(shed[0]).toMatchObject({
      code: 'temporarily_unavailable',
      headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
    });
    expect(refusedAfter[shed.length - 1]).toBeLessThan(200);
    expect(model.shed).toEqual(Array(shed.length).fill({ model: 'm', version: '1' }));
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
  });

  test('503: at most ten of the largest requests can wait', async () => {
    const features = [{ name: 'a', type: 'number' }];
    await open({ onnx: identityModel(1), contract: contractOf('m', features) }, { maxRows: 100 });
    const rows = Array.from({ length: 100 }, (_, row) => [row]);

    const answers = await Promise.allSettled(Array.from({ length: 30 }, () => model.predict(rows)));

    const statuses = answers.map(({ status }) => status);
    expect(statuses).toEqual([...Array<string>(11).fill('fulfilled'), ...Array<string>(19).fill('rejected')]);
  });

  test('a client that sends more than its share does not cause refusals for others', async () => {
    await open(child({ batching: { maxRows: 1 } }), { ...oneChild, maxRows: 10 });

    const greedy = Promise.allSettled(Array.from({ length: 300 }, () => model.predict([[300]], 'greedy')));
    const modest = await Promise.all([model.predict([[1]], 'modest'), model.predict([[2]], 'modest')]);

    expect(modest).toEqual([[1], [2]]);
    expect(model.shed.length).toBeGreaterThan(100);
    expect(model.runs.length).toBeLessThan(7);
    await greedy;
  });
});

describe('a crash', () => {
  test('503: fails only the requests in that process; waiting ones run in the next', async () => {
    await open(child({ batching: { maxRows: 1 } }), oneChild);

    const lost = model.predict(endless).catch((cause: unknown) => cause);
    const waiting = model.predict([[7]]);
    await delay(50);
    crash();

    expect(await lost).toMatchObject({ status: 503, code: 'temporarily_unavailable', headers: { 'retry-after': '1' } });
    expect(await waiting).toEqual([7]);
    expect(model.runs.map(({ outcome }) => outcome)).toEqual(['crashed', 'ok']);
  });

  test('503: a model that keeps crashing refuses at once, and its check fails', async () => {
    await open(child(), oneChild);
    expect(() => model.predictor.check()).not.toThrow();

    for (let count = 0; count < 5; count += 1) {
      await until(() => expect(model.predictor.sessions().memory[0]!.rssBytes).toBeGreaterThan(0));
      const [{ pid } = { pid: 0 }] = model.predictor.sessions().memory;
      crash();
      await until(() => expect(model.predictor.sessions().memory[0]?.pid).not.toBe(pid));
    }

    await until(() => expect(() => model.predictor.check()).toThrow(/^m: the model process crashed 5 times/));
    await expect(model.predict([[1]])).rejects.toMatchObject({ status: 503, code: 'model_unavailable' });
  });
});

describe('the event loop', () => {
  test('stays responsive while 64 callers saturate a model of some 200 ms', async () => {
    // They share runs: one after the other, 64 would exceed the time limit.
    await open(child({ batching: { rowWise: true } }));
    const loop = monitorEventLoopDelay({ resolution: 1 });
    let answered = 0;
    const end = performance.now() + 2_000;
    const caller = async () => {
      for (; performance.now() < end; answered += 1) expect(await model.predict([[1_300]])).toEqual([1_300]);
    };

    loop.enable();
    await Promise.all(Array.from({ length: 64 }, caller));
    loop.disable();

    const longest = Math.max(...model.runs.map(({ runSeconds }) => runSeconds));
    expect(longest).toBeGreaterThan(0.1);
    // In nanoseconds, the resolution included. Other programs may block the machine for a while; an inline run would block longer.
    expect(loop.percentile(99) / 1e6).toBeLessThan(50);
    expect(answered).toBeGreaterThanOrEqual(64);
  });

  test('release waits for accepted requests', async () => {
    await open(child());
    const answer = model.predict([[500]]);

    await model.predictor.release();

    expect(await answer).toEqual([500]);
  });
});

/** Tries until the assertion holds. */
async function until(assertion: () => unknown): Promise<void> {
  const giveUpMs = performance.now() + 50_000;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() > giveUpMs) throw error;
      await delay(5);
    }
  }
}
