import type { Logger } from '../../telemetry/logger.ts';

/** A dependency without which the service cannot serve. */
export interface HealthCheck {
  readonly name: string;
  /** Rejects if the dependency cannot be used. Fails if it has not settled after 5 s. */
  check(): Promise<void>;
}

interface HealthChecksOptions {
  /** Monotonic, in milliseconds. */
  readonly clock: () => number;
  readonly logger: Logger;
}

const lookEveryMs = 1_000;
const limitMs = 5_000;

/** Runs the health checks, at most once a second however often it is asked. */
export class HealthChecks {
  readonly #checks: HealthCheck[] = [];
  readonly #clock: () => number;
  readonly #logger: Logger;
  readonly #failing = new Set<string>();
  #lookedAt = -Infinity;
  #isLooking = false;
  #result = Promise.resolve(true);

  constructor({ clock, logger }: HealthChecksOptions) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add(check: HealthCheck): void {
    this.#checks.push(check);
  }

  pass(): Promise<boolean> {
    const now = this.#clock();
    if (now >= this.#lookedAt + lookEveryMs && !this.#isLooking) {
      this.#lookedAt = now;
      this.#isLooking = true;
      this.#result = this.#look().finally(() => (this.#isLooking = false));
    }
    return this.#result;
  }

  async #look(): Promise<boolean> {
    const results = await Promise.all(this.#checks.map((check) => this.#passes(check)));
    return results.every(Boolean);
  }

  /** Logs changes only. */
  async #passes(healthCheck: HealthCheck): Promise<boolean> {
    const { name } = healthCheck;
    try {
      await withinLimit(healthCheck.check());
      if (this.#failing.delete(name)) this.#logger.info('health check passes again', { check: name });
      return true;
    } catch (cause) {
      if (!this.#failing.has(name)) this.#logger.error('health check fails', { check: name, cause });
      this.#failing.add(name);
      return false;
    }
  }
}

function withinLimit(check: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const tooLate = () => reject(new Error(`it has not answered for ${limitMs / 1_000} s`));
    const timer = setTimeout(tooLate, limitMs).unref();
    void check.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
