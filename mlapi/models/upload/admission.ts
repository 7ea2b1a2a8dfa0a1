import { serviceBusy } from '../../http/problem.ts';

/** Models that may come in at once, of one client and of all: each has a folder of its own. */
const maxPerClient = 8;
const maxAll = 64;
/** Each inspection is a process that computes. */
const maxInspections = 2;

type Work<T> = () => Promise<T>;

/** A client that has models here. */
interface Slot {
  active: number;
  inspected: number;
  /** When one of its inspections was last begun: by their number. */
  lastTurn: number;
}

interface Waiting {
  readonly slot: Slot;
  readonly start: () => void;
}

/** Admission control for uploads: at most 8 per client and 64 overall, 2 inspections at a time, scheduled fairly across clients. */
export class AdmissionControl {
  readonly #slots = new Map<string, Slot>();
  readonly #waiting: Waiting[] = [];
  #all = 0;
  #inspections = 0;
  #turns = 0;

  /** @param work gets what it passes its inspection through. @throws {Problem} 503 where there is no room */
  async admit<T>(clientId: string, work: (inspecting: (inspection: Work<T>) => Promise<T>) => Promise<T>): Promise<T> {
    const slot = this.#slots.get(clientId) ?? { active: 0, inspected: 0, lastTurn: 0 };
    if (slot.active >= maxPerClient || this.#all >= maxAll) throw serviceBusy();
    this.#slots.set(clientId, slot);
    slot.active += 1;
    this.#all += 1;
    try {
      return await work((inspection) => this.#inspect(slot, inspection));
    } finally {
      this.#all -= 1;
      slot.active -= 1;
      if (slot.active === 0) this.#slots.delete(clientId);
    }
  }

  async #inspect<T>(slot: Slot, inspection: Work<T>): Promise<T> {
    const mayStart = new Promise<void>((resolve) => this.#waiting.push({ slot, start: resolve }));
    this.#startNext();
    await mayStart;
    try {
      return await inspection();
    } finally {
      this.#inspections -= 1;
      slot.inspected -= 1;
      this.#startNext();
    }
  }

  /** The client with the fewest inspections; among equals, whose last one is the longest ago; of its models, the first. */
  #startNext(): void {
    if (this.#inspections >= maxInspections) return;
    const [next] = [...this.#waiting].sort(
      ({ slot: one }, { slot: other }) => one.inspected - other.inspected || one.lastTurn - other.lastTurn,
    );
    if (next === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#inspections += 1;
    this.#turns += 1;
    next.slot.inspected += 1;
    next.slot.lastTurn = this.#turns;
    next.start();
  }
}
