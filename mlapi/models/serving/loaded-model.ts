import type { WatchedGroup } from '../../sandbox/memory-watch.ts';
import type { Predictor } from '../../inference/serving/predictor.ts';
import type { ServedModel } from '../traffic/served-model.ts';
import type { Holder } from './fair-memory.ts';

/** Least memory counted for a process when room is made, since it may grow to that in its first runs. Shared file pages are not counted. */
const leastProcessBytes = 100 * 1_048_576;

/** A model in memory, being loaded, or that has just failed to load. */
export class LoadedModel implements Holder {
  readonly id: string;
  readonly group: WatchedGroup;
  name: string;
  owner = '';
  served: ServedModel | undefined;
  hasFailed = false;
  /** Set once its owner is known and it needs room. */
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
    // It may fail before anybody awaits it.
    starting.catch(() => undefined);
    this.#starting = starting;
  }

  get predictor(): Predictor | undefined {
    return this.served?.predictor;
  }

  get isBusy(): boolean {
    return this.predictor?.isBusy ?? true;
  }

  /** Memory counted for it when room is made. */
  get bytes(): number {
    const { bytes } = this.group;
    if (this.predictor === undefined || bytes > 0) return Math.max(leastProcessBytes, bytes);
    // The model is on another server, or the system reports no memory.
    return this.predictor.memoryBytes;
  }
}
