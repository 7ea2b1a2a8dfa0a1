/** Tells periods apart. */
interface Periods {
  /** Goes up when a new one begins. */
  readonly periods: number;
}

/** A value that is good for one period: in the next one it is made anew, when it is asked for. */
export class PerPeriod<T> {
  readonly #clock: Periods;
  readonly #make: () => T;
  #madeIn = -1;
  #value: T | undefined;

  constructor(clock: Periods, make: () => T) {
    this.#clock = clock;
    this.#make = make;
  }

  current(): T {
    const { periods } = this.#clock;
    if (this.#madeIn !== periods) {
      this.#value = this.#make();
      this.#madeIn = periods;
    }
    return this.#value as T;
  }
}
