/** A run that was measured. */
export interface MeasuredRun {
  readonly rows: number;
  readonly seconds: number;
}

/** How much the newest run counts. */
const weight = 0.1;
/** One run that had to wait for the machine says little. */
const maxPerRun = 4;

/** Estimated time of runs: a fixed part and a part per row, measured at warm-up and corrected by every run since. */
export class CostModel {
  readonly #fixedSeconds: number;
  readonly #secondsPerRow: number;
  #correction = 1;

  /** @param one a run of one row @param many one of more */
  constructor(one: MeasuredRun, many: MeasuredRun) {
    const slope = (many.seconds - one.seconds) / (many.rows - one.rows);
    this.#secondsPerRow = Math.min(Math.max(slope, 1e-9), one.seconds);
    this.#fixedSeconds = one.seconds - this.#secondsPerRow;
  }

  observe(rows: number, seconds: number): void {
    const ratio = seconds / (this.#fixedSeconds + rows * this.#secondsPerRow);
    this.#correction += weight * (Math.min(ratio, maxPerRun * this.#correction) - this.#correction);
  }

  /** Seconds that a run of so many rows takes. */
  seconds(rows: number): number {
    return this.#correction * (this.#fixedSeconds + rows * this.#secondsPerRow);
  }

  /** How many rows a run of so many seconds has, at least 1. */
  rowsWithin(seconds: number): number {
    return Math.max(1, Math.floor((seconds / this.#correction - this.#fixedSeconds) / this.#secondsPerRow));
  }
}
