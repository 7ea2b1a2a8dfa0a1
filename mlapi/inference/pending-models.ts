import { Fault } from './faults.ts';
import { unavailable } from './problems.ts';
import { isAway } from './remote/remote-failure.ts';
import type { Predictor } from './serving/predictor.ts';

/** Pause before an unreachable server is tried again. */
const restMs = 5_000;

type Load = () => Promise<Predictor>;

interface Awaited {
  fault: Fault;
  timer: NodeJS.Timeout;
}

/** Folder models whose servers were unreachable at start-up. Loading is retried every 5 s until it succeeds. */
export class PendingModels {
  readonly #onArrival: (predictor: Predictor) => void;
  readonly #byName = new Map<string, Awaited>();
  #loading: Promise<unknown> = Promise.resolve();
  #isReleased = false;

  constructor(onArrival: (predictor: Predictor) => void) {
    this.#onArrival = onArrival;
  }

  /** Loads a model now, or later if its server is unreachable. @throws any other error of `load` */
  async add(name: string, load: Load): Promise<void> {
    try {
      this.#onArrival(await load());
    } catch (cause) {
      if (!isAway(cause)) throw cause;
      this.#wait(name, load, cause as Error);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws {Problem} 503 if the model is pending */
  refuse(name: string): void {
    const awaited = this.#byName.get(name);
    if (awaited !== undefined) throw unavailable(awaited.fault);
  }

  /** @throws {Error} while a model is pending */
  check(): void {
    for (const [name, { fault }] of this.#byName) throw new Error(`${name}: ${fault.message}`);
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    for (const { timer } of this.#byName.values()) clearTimeout(timer);
    await this.#loading;
  }

  #wait(name: string, load: Load, cause: Error): void {
    const fault = new Fault(cause.message, restMs / 1_000);
    const timer = setTimeout(() => {
      this.#loading = Promise.all([this.#loading, this.#try(name, load)]);
    }, restMs).unref();
    this.#byName.set(name, { fault, timer });
  }

  async #try(name: string, load: Load): Promise<void> {
    try {
      const predictor = await load();
      if (this.#isReleased) {
        await predictor.release();
        return;
      }
      this.#byName.delete(name);
      this.#onArrival(predictor);
    } catch (cause) {
      // Retry other errors too: the server may describe its model wrongly only for the moment.
      if (!this.#isReleased) this.#wait(name, load, cause as Error);
    }
  }
}
