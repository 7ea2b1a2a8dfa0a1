import type { Logger } from '../../telemetry/logger.ts';

/** Something that the service depends on and cannot serve without. */
export interface HealthCheck {
  readonly name: string;
  /** Fails, within seconds, unless it can be used now. */
  check(): Promise<void>;
}

interface HealthChecksOptions {
  /** Milliseconds that only go forward. */
  readonly clock: () => number;
  readonly logger: Logger;
}

const lookEveryMs = 1_000;

/** Whether all that the service depends on can be used. It looks once a second at most, however often it is asked. */
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

  /** The log gets the change, not every look. */
  async #passes(healthCheck: HealthCheck): Promise<boolean> {
    const { name } = healthCheck;
    try {
      await healthCheck.check();
      if (this.#failing.delete(name)) this.#logger.info('health check passes again', { check: name });
      return true;
    } catch (cause) {
      if (!this.#failing.has(name)) this.#logger.error('health check fails', { check: name, cause });
      this.#failing.add(name);
      return false;
    }
  }
}
