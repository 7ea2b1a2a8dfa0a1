import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Schedule } from '../../mlapi/maintenance/schedule.ts';

const everyMs = 1_000;

let logged: [message: string, fields: unknown][];
let schedule: Schedule;
beforeEach(() => {
  logged = [];
  jest.useFakeTimers();
});
afterEach(async () => {
  await schedule.stop();
  jest.useRealTimers();
});

function start(job: () => unknown): void {
  const logger = { error: (message: string, fields?: object) => void logged.push([message, fields]) };
  schedule = new Schedule(job, { everyMs, logger, failure: 'the job failed' });
}

/** A job whose runs end on command. */
class HeldJob {
  begun = 0;
  end: () => void = () => undefined;

  readonly run = (): Promise<void> => {
    this.begun += 1;
    return new Promise((resolve) => (this.end = resolve));
  };
}

describe('a schedule', () => {
  test('runs its job after each interval, and not before', async () => {
    let runs = 0;
    start(() => (runs += 1));
    await jest.advanceTimersByTimeAsync(everyMs - 1);
    expect(runs).toBe(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(runs).toBe(1);
    await jest.advanceTimersByTimeAsync(3 * everyMs);
    expect(runs).toBe(4);
  });

  test('skips a run while the previous one is still running', async () => {
    const job = new HeldJob();
    start(job.run);
    await jest.advanceTimersByTimeAsync(3 * everyMs);
    expect(job.begun).toBe(1);
    job.end();
    await jest.advanceTimersByTimeAsync(everyMs);
    expect(job.begun).toBe(2);
    job.end();
  });

  test('runs at once on request, or waits for the current run', async () => {
    const job = new HeldJob();
    start(job.run);
    const [first, second] = [schedule.run(), schedule.run()];
    expect(job.begun).toBe(1);
    job.end();
    await Promise.all([first, second]);
    void schedule.run();
    expect(job.begun).toBe(2);
    job.end();
  });

  test.each([
    ['rejects', () => Promise.reject(new Error('no disk'))],
    [
      'throws',
      () => {
        throw new Error('no disk');
      },
    ],
  ])('logs a job that %s, and runs it again at the next interval', async (_, job) => {
    let runs = 0;
    start(() => {
      runs += 1;
      return job();
    });
    await jest.advanceTimersByTimeAsync(2 * everyMs);
    const failure = ['the job failed', { cause: new Error('no disk') }];
    expect([runs, logged]).toEqual([2, [failure, failure]]);
  });

  test('stops at once, and resolves when its last run has ended', async () => {
    const job = new HeldJob();
    start(job.run);
    await jest.advanceTimersByTimeAsync(everyMs);
    let isStopped = false;
    const stopping = schedule.stop().then(() => (isStopped = true));
    await jest.advanceTimersByTimeAsync(5 * everyMs);
    expect([job.begun, isStopped]).toEqual([1, false]);
    job.end();
    await stopping;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not keep the process alive', () => {
    jest.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    start(() => undefined);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
  });
});
