import type { Predictor } from '../../inference/serving/predictor.ts';
import type { UntrustedModel, UntrustedModels } from '../../inference/untrusted/untrusted-models.ts';
import type { WatchedGroup } from '../../sandbox/memory-watch.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { memoryUnavailable, modelTerminated } from '../problems.ts';
import { ServedModel } from '../traffic/served-model.ts';
import type { Traffic } from '../traffic/traffic.ts';
import type { Artifacts } from '../upload/artifacts.ts';
import { chooseEnded, chooseLeaver, type Holder } from './fair-memory.ts';
import { LoadedModel } from './loaded-model.ts';
import { RestPeriods } from './rests.ts';

interface LoadedModelsOptions {
  readonly untrusted: Pick<UntrustedModels, 'start' | 'watchGroup' | 'memory'>;
  readonly artifacts: Artifacts;
  readonly traffic: Traffic;
  /** Memory limit of the models of this process, in bytes. */
  readonly memoryBytes: number;
  readonly logger?: Pick<Logger, 'log'> | undefined;
}

/** A model and its owner: a client's id, or empty for an operator. */
export interface OwnedModel extends UntrustedModel {
  readonly owner: string;
}

/** A model in memory and its owner. */
interface Watched extends Pick<Holder, 'owner' | 'usedMs' | 'isBusy'> {
  readonly name: string;
  readonly group: WatchedGroup;
}

/** How long a failed load is not retried. */
const failedForMs = 2_000;

/**
 * The models in memory: loaded on first use, unloaded when others need the room. Owners have equal shares (see `fair-memory.ts`). If models
 * outgrow the limit, some are stopped at once.
 */
export class ModelCache {
  readonly #options: LoadedModelsOptions;
  readonly #byId = new Map<string, LoadedModel>();
  /** Uploads being inspected: they take memory too. */
  readonly #tried = new Set<Watched>();
  readonly #leaving = new Map<LoadedModel, Promise<void>>();
  readonly #rests = new RestPeriods();

  constructor(options: LoadedModelsOptions) {
    this.#options = options;
    options.untrusted.memory.onLook = () => this.#keepWithin();
  }

  /** Returns a loaded version. */
  get(id: string): ServedModel | undefined {
    const loaded = this.#byId.get(id);
    if (loaded === undefined) return undefined;
    loaded.usedMs = performance.now();
    return loaded.served;
  }

  /** Loads a version; concurrent callers share the load. @throws {Problem} 503 */
  load(id: string, read: () => Promise<OwnedModel>): Promise<ServedModel> {
    const known = this.#byId.get(id);
    if (known !== undefined) return known.starting;
    const loaded = new LoadedModel(id, this.#options.untrusted.watchGroup());
    loaded.group.onExhausted = (reason) => this.#end(loaded, reason);
    // It counts itself when it makes room.
    const starting = Promise.resolve().then(() => this.#start(loaded, read));
    loaded.starting = starting;
    this.#byId.set(id, loaded);
    starting.then(
      (served) => (loaded.served = served),
      // Until then, all requests get the same error, because each attempt costs a process.
      () => this.#rest(loaded, failedForMs),
    );
    return starting;
  }

  /** Counts the memory of an upload while it is inspected. */
  async whileTried<T>(owner: string, name: string, work: (group: WatchedGroup) => Promise<T>): Promise<T> {
    const group = this.#options.untrusted.watchGroup();
    const tried = { owner, name, group, usedMs: performance.now(), isBusy: true };
    group.onExhausted = (reason) => this.#tell(tried, reason);
    this.#tried.add(tried);
    try {
      return await work(group);
    } finally {
      this.#tried.delete(tried);
    }
  }

  /** Unloads a version after its accepted predictions. */
  async unload(id: string): Promise<void> {
    const loaded = this.#byId.get(id);
    if (loaded === undefined) return;
    this.#byId.delete(id);
    await this.#leave(loaded);
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  predictors(): Predictor[] {
    return this.entries().map(([, predictor]) => predictor);
  }

  /** Loaded versions by id. Does not count as use. */
  entries(): [id: string, predictor: Predictor][] {
    return [...this.#byId].flatMap(([id, { predictor }]) => (predictor === undefined ? [] : [[id, predictor]]));
  }

  async release(): Promise<void> {
    await Promise.all(this.ids().map((id) => this.unload(id)));
    await Promise.all(this.#leaving.values());
  }

  async #start(loaded: LoadedModel, read: () => Promise<OwnedModel>): Promise<ServedModel> {
    const { untrusted, artifacts, traffic } = this.#options;
    const model = await read();
    loaded.owner = model.owner;
    loaded.name = `${model.contract.name} ${model.contract.version}`;
    loaded.isCounted = true;
    await this.#makeRoom(loaded);
    const predictor = await untrusted.start(artifacts.pathOf(loaded.id), model, loaded.group);
    if (!loaded.hasFailed) return new ServedModel(predictor, traffic);
    void predictor.release();
    throw memoryUnavailable();
  }

  /**
   * Waits for unloaded models to leave. Models being loaded are given up rather than waited for: two could wait for each other, and an
   * owner who keeps loading would keep others out.
   * @throws {Problem} 503 if all memory is in use
   */
  async #makeRoom(newcomer: LoadedModel): Promise<void> {
    const { memoryBytes: totalBytes } = this.#options;
    for (;;) {
      if (newcomer.hasFailed) throw memoryUnavailable();
      const all = [...this.#byId.values()].filter(({ isCounted, hasFailed }) => isCounted && !hasFailed);
      if (all.reduce((sum, { bytes }) => sum + bytes, 0) <= totalBytes) return;
      const others = all.filter((each) => each !== newcomer);
      const leaver = chooseLeaver(others, newcomer, { all, totalBytes, nowMs: performance.now() });
      if (leaver === undefined) throw memoryUnavailable();
      if (leaver.predictor === undefined) this.#giveUp(leaver);
      else await this.unload(leaver.id);
    }
  }

  /** The model did nothing wrong, so it may be loaded again as soon as after a failed load. */
  #giveUp(starting: LoadedModel): void {
    this.#rest(starting, failedForMs);
    starting.group.exhaust('its loading was cancelled to make room for a model of another owner');
  }

  /** Runs after each measurement. Includes models being loaded, inspected or unloaded. */
  #keepWithin(): void {
    const { memoryBytes } = this.#options;
    for (;;) {
      const watched: Watched[] = [...this.#byId.values(), ...this.#leaving.keys(), ...this.#tried];
      const holders = watched
        .filter(({ group }) => !group.isExhausted && group.bytes > 0)
        .map(({ owner, usedMs, isBusy, group }) => ({ owner, usedMs, isBusy, group, bytes: group.bytes }));
      const ended = chooseEnded(holders, memoryBytes);
      if (ended === undefined) return;
      ended.group.exhaust(`all models together exceeded ${memoryBytes} bytes of memory; this one used ${ended.bytes}`);
    }
  }

  /**
   * Its processes were stopped. A model that was idle may be loaded again at once; one that was computing would exceed the limit again, so
   * it has to wait.
   */
  #end(loaded: LoadedModel, reason: string): void {
    const { id, predictor, isBusy } = loaded;
    this.#tell(loaded, reason);
    if (this.#byId.get(id) === loaded && !loaded.hasFailed) {
      if (isBusy) this.#rest(loaded, this.#rests.after(id, performance.now()));
      else this.#byId.delete(id);
    }
    if (predictor === undefined) return;
    loaded.served = undefined;
    loaded.starting = Promise.reject(modelTerminated());
    void this.#leave(loaded, predictor);
  }

  #rest(loaded: LoadedModel, forMs: number): void {
    if (loaded.hasFailed) return;
    loaded.hasFailed = true;
    setTimeout(() => {
      if (this.#byId.get(loaded.id) === loaded) this.#byId.delete(loaded.id);
    }, forMs).unref();
  }

  async #leave(loaded: LoadedModel, predictor?: Predictor): Promise<void> {
    const known =
      predictor === undefined ? loaded.starting.then((served) => served.predictor) : Promise.resolve(predictor);
    const leaving = known.then(
      (each) => each.release(),
      () => undefined,
    );
    this.#leaving.set(loaded, leaving);
    await leaving.finally(() => this.#leaving.delete(loaded));
  }

  #tell({ name, owner, isBusy, group }: Watched, reason: string): void {
    const fields = { model: name, owner, reason, bytes: group.bytes, limitBytes: this.#options.memoryBytes };
    this.#options.logger?.log(isBusy ? 'warn' : 'info', 'model stopped because of its memory use', fields);
  }
}
