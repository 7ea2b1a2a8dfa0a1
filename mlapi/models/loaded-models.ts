import { Problem } from '../http/problem.ts';
import type { ForeignModel, ForeignModels } from '../inference/foreign-models.ts';
import type { Predictor } from '../inference/predictor.ts';
import type { Artifacts } from './artifacts.ts';

interface LoadedModelsOptions {
  readonly foreign: Pick<ForeignModels, 'start'>;
  readonly artifacts: Artifacts;
  /** Of this process's share of the machine. */
  readonly memoryBytes: number;
}

interface Loaded {
  readonly starting: Promise<Predictor>;
  predictor: Predictor | undefined;
  hasFailed: boolean;
  /** By `performance.now()`. */
  usedMs: number;
}

/** What a process takes before it is known: Node and the runtime. The model comes on top. */
const emptyProcessBytes = 100 * 1_048_576;
/** Whoever was used since then is not made to leave: models would take turns, and none would serve. */
const leastIdleMs = 1_000;
/** How long one that could not be loaded is not tried again. */
const failedForMs = 2_000;

/** Models in memory: each is loaded when it is first used, and leaves when others need the room and it was used the longest ago. */
export class LoadedModels {
  readonly #options: LoadedModelsOptions;
  readonly #byId = new Map<string, Loaded>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: LoadedModelsOptions) {
    this.#options = options;
  }

  /** A version that is loaded, at once. */
  get(id: string): Predictor | undefined {
    const loaded = this.#byId.get(id);
    if (loaded === undefined) return undefined;
    loaded.usedMs = performance.now();
    return loaded.predictor;
  }

  /** Loads a version, once for all who wait for it. @throws {Problem} 503 */
  load(id: string, read: () => Promise<ForeignModel>): Promise<Predictor> {
    const known = this.#byId.get(id);
    if (known !== undefined) return known.starting;
    // It counts itself when it makes room.
    const starting = Promise.resolve().then(() => this.#start(id, read));
    const loaded: Loaded = { starting, predictor: undefined, hasFailed: false, usedMs: performance.now() };
    this.#byId.set(id, loaded);
    starting.then(
      (predictor) => (loaded.predictor = predictor),
      // Whoever asks meanwhile gets the same answer: each try is a process.
      () => {
        loaded.hasFailed = true;
        setTimeout(() => this.#forget(id, loaded), failedForMs).unref();
      },
    );
    return starting;
  }

  /** Lets a version go, after the predictions that it was asked for. */
  async unload(id: string): Promise<void> {
    const loaded = this.#byId.get(id);
    if (loaded === undefined) return;
    this.#byId.delete(id);
    const leaving = loaded.starting.then(
      (predictor) => predictor.release(),
      () => undefined,
    );
    this.#leaving.add(leaving);
    await leaving.finally(() => this.#leaving.delete(leaving));
  }

  #forget(id: string, loaded: Loaded): void {
    if (this.#byId.get(id) === loaded) this.#byId.delete(id);
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  predictors(): Predictor[] {
    return this.entries().map(([, predictor]) => predictor);
  }

  /** Those that are loaded, by their ids; to look at them is not to use them. */
  entries(): [id: string, predictor: Predictor][] {
    return [...this.#byId].flatMap(([id, { predictor }]) => (predictor === undefined ? [] : [[id, predictor]]));
  }

  async release(): Promise<void> {
    await Promise.all(this.ids().map((id) => this.unload(id)));
    await Promise.all(this.#leaving);
  }

  async #start(id: string, read: () => Promise<ForeignModel>): Promise<Predictor> {
    const { foreign, artifacts } = this.#options;
    await this.#makeRoom(id);
    return foreign.start(artifacts.pathOf(id), await read());
  }

  /** The room is there when those who leave have left. @throws {Problem} 503 where all of it is in use */
  async #makeRoom(forId: string): Promise<void> {
    // Those that start make room themselves: two would wait for each other.
    const idle = [...this.#byId]
      .filter(([id, { predictor }]) => id !== forId && predictor !== undefined)
      .sort(([, a], [, b]) => a.usedMs - b.usedMs);
    while (this.#bytes() > this.#options.memoryBytes) {
      const [id, loaded] = idle.shift() ?? [];
      if (id === undefined || loaded === undefined || loaded.usedMs > performance.now() - leastIdleMs) {
        // Alone, the largest model may have more.
        if (this.#byId.size <= 1) return;
        throw new Problem(503, 'temporarily_unavailable', 'There is no memory for one more model at the moment.', {
          headers: { 'retry-after': '2' },
        });
      }
      // It may have left meanwhile, and come back.
      if (this.#byId.get(id) === loaded) await this.unload(id);
    }
  }

  /** Of all processes, the one that is about to start among them. */
  #bytes(): number {
    let bytes = 0;
    for (const { predictor, hasFailed } of this.#byId.values())
      if (!hasFailed) bytes += predictor?.memoryBytes ?? emptyProcessBytes;
    return bytes;
  }
}
