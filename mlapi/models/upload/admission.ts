import { serviceBusy } from '../../http/problem.ts';

/** Concurrent uploads per client and in total; each has a folder of its own. */
const maxPerClient = 8;
const maxAll = 64;
/** Each inspection runs a process. */
const maxInspections = 2;

type Work<T> = () => Promise<T>;

/** A client with uploads in progress. */
interface Slot {
  active: number;
  inspected: number;
  /** Sequence number of its last inspection. */
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

  /**
   * Runs an upload.
   * @param work receives a function that schedules its inspection
   * @throws {Problem} 503 if too many uploads are in progress
   */
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

  /** Next: the client with the fewest running inspections, then the one that has waited longest, then its first upload. */
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
