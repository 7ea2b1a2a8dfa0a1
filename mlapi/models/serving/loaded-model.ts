import type { WatchedGroup } from '../../sandbox/memory-watch.ts';
import type { Predictor } from '../../inference/serving/predictor.ts';
import type { Holder } from './fair-memory.ts';

/** What a process counts at least, where room is made: what it may grow to in its first runs. File pages of programs are everyone's. */
const leastProcessBytes = 100 * 1_048_576;

/** One model that is in memory, on its way into it, or could not be loaded a moment ago. */
export class LoadedModel implements Holder {
  readonly id: string;
  readonly group: WatchedGroup;
  name: string;
  owner = '';
  predictor: Predictor | undefined;
  hasFailed = false;
  /** Once it is known whose it is, and it asks for room. */
  isCounted = false;
  usedMs = performance.now();
  #starting: Promise<Predictor> = Promise.reject(new Error('it was not started'));

  constructor(id: string, group: WatchedGroup) {
    this.id = id;
    this.name = id;
    this.group = group;
    this.#starting.catch(() => undefined);
  }

  get starting(): Promise<Predictor> {
    return this.#starting;
  }

  set starting(starting: Promise<Predictor>) {
    // Nobody need wait for it.
    starting.catch(() => undefined);
    this.#starting = starting;
  }

  get isBusy(): boolean {
    return this.predictor?.isBusy ?? true;
  }

  /** What is counted where room is made. */
  get bytes(): number {
    const { bytes } = this.group;
    if (this.predictor === undefined || bytes > 0) return Math.max(leastProcessBytes, bytes);
    // On another server, or on a system that does not say.
    return this.predictor.memoryBytes;
  }
}
