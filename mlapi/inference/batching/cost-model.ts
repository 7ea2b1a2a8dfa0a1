/** A measured run. */
export interface MeasuredRun {
  readonly rows: number;
  readonly seconds: number;
}

/** Weight of the newest run in the moving average. */
const weight = 0.1;
/** Bounds the influence of one run: it may have waited for the CPU. */
const maxPerRun = 4;

/** Estimates the time of a run as a fixed part plus a part per row, measured at warm-up and corrected by every later run. */
export class CostModel {
  readonly #fixedSeconds: number;
  readonly #secondsPerRow: number;
  #correction = 1;

  /**
   * @param one run of one row
   * @param many run of several rows
   */
  constructor(one: MeasuredRun, many: MeasuredRun) {
    const slope = (many.seconds - one.seconds) / (many.rows - one.rows);
    this.#secondsPerRow = Math.min(Math.max(slope, 1e-9), one.seconds);
    this.#fixedSeconds = one.seconds - this.#secondsPerRow;
  }

  observe(rows: number, seconds: number): void {
    const ratio = seconds / (this.#fixedSeconds + rows * this.#secondsPerRow);
    this.#correction += weight * (Math.min(ratio, maxPerRun * this.#correction) - this.#correction);
  }

  /** Estimated seconds of a run of `rows` rows. */
  seconds(rows: number): number {
    return this.#correction * (this.#fixedSeconds + rows * this.#secondsPerRow);
  }

  /** Most rows that a run can have within `seconds`; at least 1. */
  rowsWithin(seconds: number): number {
    return Math.max(1, Math.floor((seconds / this.#correction - this.#fixedSeconds) / this.#secondsPerRow));
  }
}
