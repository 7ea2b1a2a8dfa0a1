import { Fault } from '../faults.ts';

export interface BreakerOptions {
  /** So many failures in a row, and nobody is called for a while. */
  readonly failures: number;
  readonly restMs: number;
}

export const usualBreaker: BreakerOptions = { failures: 5, restMs: 5_000 };

/** Keeps requests from a server that fails, and lets a single one find out whether it is back. */
export class CircuitBreaker {
  /** While nobody is called. */
  fault: Fault | undefined;
  /** Whether the next answer decides. */
  isTrying = false;
  /** How often it has rested: what began before the last rest says nothing of the server now. */
  rests = 0;
  readonly #options: BreakerOptions;
  readonly #onChange: () => void;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** @param rests of before the answered request */
  succeeded(rests: number): void {
    if (this.fault !== undefined || rests !== this.rests) return;
    this.#failures = 0;
    this.isTrying = false;
  }

  /** @param rests of before the failed request */
  failed(reason: string, rests: number): void {
    if (this.fault !== undefined || rests !== this.rests) return;
    this.#failures += 1;
    const { failures, restMs } = this.#options;
    if (!this.isTrying && this.#failures < failures) return;
    const text = `its server failed ${this.#failures} times in a row; at last: ${reason}`;
    this.rests += 1;
    this.fault = new Fault(text, Math.ceil(restMs / 1_000));
    this.#timer = setTimeout(() => this.#try(), restMs).unref();
    this.#onChange();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #try(): void {
    this.fault = undefined;
    this.isTrying = true;
    this.#onChange();
  }
}
