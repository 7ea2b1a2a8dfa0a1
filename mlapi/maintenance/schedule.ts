import type { Logger } from '../telemetry/logger.ts';

interface ScheduleOptions {
  readonly everyMs: number;
  readonly logger: Pick<Logger, 'error'>;
  /** Message that is logged when a run fails; the next run comes in its turn. */
  readonly failure: string;
}

/**
 * Repeats a job in regular intervals. A run that is due while the last one goes on is left out. The timer keeps no process alive.
 * @example
 * const sweep = new Schedule(() => artifacts.sweep(), { everyMs: 3_600_000, logger, failure: 'sweep failed' });
 * await sweep.run();
 * await sweep.stop();
 */
export class Schedule {
  readonly #job: () => unknown;
  readonly #options: ScheduleOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  /** The first run comes after one interval. @param job may return a promise */
  constructor(job: () => unknown, options: ScheduleOptions) {
    this.#job = job;
    this.#options = options;
    this.#timer = setInterval(() => void this.run(), options.everyMs).unref();
  }

  /** Runs the job now, beside its turns; or waits for the run that goes on. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#runOnce().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Ends the repetition. @returns when no run goes on any more */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #runOnce(): Promise<void> {
    const { logger, failure } = this.#options;
    try {
      await this.#job();
    } catch (cause) {
      logger.error(failure, { cause });
    }
  }
}
