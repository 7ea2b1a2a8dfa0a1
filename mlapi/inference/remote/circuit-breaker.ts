import { Fault } from '../faults.ts';

export interface BreakerOptions {
  /** Consecutive failures that open the circuit. */
  readonly failures: number;
  readonly restMs: number;
}

export const usualBreaker: BreakerOptions = { failures: 5, restMs: 5_000 };

/** Circuit breaker: stops sending requests to a failing server, then lets a single request test whether it has recovered. */
export class CircuitBreaker {
  /** Set while the circuit is open. */
  fault: Fault | undefined;
  /** Whether the next response decides if the circuit closes (half-open). */
  isTrying = false;
  /** How often the circuit has opened. Requests sent before it last opened say nothing about the server now. */
  rests = 0;
  readonly #options: BreakerOptions;
  readonly #onChange: () => void;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** @param rests value of `rests` when the request was sent */
  succeeded(rests: number): void {
    if (this.fault !== undefined || rests !== this.rests) return;
    this.#failures = 0;
    this.isTrying = false;
  }

  /** @param rests value of `rests` when the request was sent */
  failed(reason: string, rests: number): void {
    if (this.fault !== undefined || rests !== this.rests) return;
    this.#failures += 1;
    const { failures, restMs } = this.#options;
    if (!this.isTrying && this.#failures < failures) return;
    const text = `its server failed ${this.#failures} times in a row; last reason: ${reason}`;
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
