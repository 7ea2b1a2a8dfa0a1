import type { WatchedGroup } from '../../sandbox/memory-watch.ts';
import type { Predictor } from '../../inference/serving/predictor.ts';
import type { ServedModel } from '../traffic/served-model.ts';
import type { Holder } from './fair-memory.ts';

/** Least memory that a process is counted with when room is made: it may grow to that in its first runs. Shared file pages are not counted. */
const leastProcessBytes = 100 * 1_048_576;

/** One model that is in memory, on its way into it, or could not be loaded a moment ago. */
export class LoadedModel implements Holder {
  readonly id: string;
  readonly group: WatchedGroup;
  name: string;
  owner = '';
  served: ServedModel | undefined;
  hasFailed = false;
  /** Once it is known whose it is, and it asks for room. */
  isCounted = false;
  usedMs = performance.now();
  #starting: Promise<ServedModel> = Promise.reject(new Error('it was not started'));

  constructor(id: string, group: WatchedGroup) {
    this.id = id;
    this.name = id;
    this.group = group;
    this.#starting.catch(() => undefined);
  }

  get starting(): Promise<ServedModel> {
    return this.#starting;
  }

  set starting(starting: Promise<ServedModel>) {
    // Nobody need wait for it.
    starting.catch(() => undefined);
    this.#starting = starting;
  }

  get predictor(): Predictor | undefined {
    return this.served?.predictor;
  }

  get isBusy(): boolean {
    return this.predictor?.isBusy ?? true;
  }

  /** Memory that it is counted with when room is made. */
  get bytes(): number {
    const { bytes } = this.group;
    if (this.predictor === undefined || bytes > 0) return Math.max(leastProcessBytes, bytes);
    // On another server, or on a system that does not say.
    return this.predictor.memoryBytes;
  }
}
