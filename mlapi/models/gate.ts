import { serviceBusy } from '../http/problem.ts';

/** Models that may come in at once, of one client and of all: each has a folder of its own. */
const maxPerClient = 8;
const maxAll = 64;
/** Each inspection is a process that computes. */
const maxInspections = 2;

type Work<T> = () => Promise<T>;

/** Lets so many models in at once, and so many of them be inspected; no client takes all the room. */
export class Gate {
  readonly #within = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #all = 0;
  #inspections = 0;

  /** @param work gets what it passes its inspection through. @throws {Problem} 503 where there is no room */
  async pass<T>(clientId: string, work: (inspecting: (inspection: Work<T>) => Promise<T>) => Promise<T>): Promise<T> {
    const within = this.#within.get(clientId) ?? 0;
    if (within >= maxPerClient || this.#all >= maxAll) throw serviceBusy();
    this.#within.set(clientId, within + 1);
    this.#all += 1;
    try {
      return await work((inspection) => this.#inspect(inspection));
    } finally {
      this.#all -= 1;
      const left = (this.#within.get(clientId) ?? 1) - 1;
      if (left > 0) this.#within.set(clientId, left);
      else this.#within.delete(clientId);
    }
  }

  async #inspect<T>(inspection: Work<T>): Promise<T> {
    if (this.#inspections >= maxInspections) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inspections += 1;
    try {
      return await inspection();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inspections -= 1;
      else next();
    }
  }
}
