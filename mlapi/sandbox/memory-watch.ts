import { readTreeMemory, type TreeMemory } from './process-memory.ts';

/** Interval of measurements. Until the next one, a run may write about 50 MB per core. */
const everyMs = 50;
/** Idle processes are measured every 20th time only: their memory grows only if code broke out of the runtime. */
const idleLooks = 20;

/** A process whose memory is measured. */
export interface WatchedProcess {
  readonly pid: number;
  /** When last measured. */
  readonly ownBytes: number;
  /** @returns whether it loaded or ran a model since the last call */
  wasActive(): boolean;
  /** Receives the memory of its process tree; must end itself if that is too much. */
  measured(memory: TreeMemory): void;
  /** Ends it at once. */
  exhaust(reason: string): void;
}

/** Measures the memory of model processes. One timer serves all of them and runs only while there are any. */
export class MemoryWatch {
  /** Called after each measurement. */
  onLook: () => void = () => undefined;
  readonly #processes = new Set<WatchedProcess>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  add(process: WatchedProcess): void {
    this.#processes.add(process);
    this.#timer ??= setInterval(() => this.#look(), everyMs).unref();
  }

  delete(process: WatchedProcess): void {
    this.#processes.delete(process);
    if (this.#processes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#looks += 1;
    const isFull = this.#looks % idleLooks === 0;
    let hasLooked = false;
    for (const process of [...this.#processes]) {
      if (!process.wasActive() && !isFull) continue;
      const memory = readTreeMemory(process.pid);
      if (memory === undefined) continue;
      hasLooked = true;
      process.measured(memory);
    }
    if (hasLooked) this.onLook();
  }
}

/** The processes of one model. */
export class WatchedGroup {
  /** Called once with the reason when they are ended for exceeding their memory. */
  onExhausted: (reason: string) => void = () => undefined;
  readonly #watch: MemoryWatch;
  readonly #processes = new Set<WatchedProcess>();
  /** Whether they were ended for exceeding their memory. */
  isExhausted = false;

  constructor(watch: MemoryWatch) {
    this.#watch = watch;
  }

  add(process: WatchedProcess): void {
    this.#processes.add(process);
    this.#watch.add(process);
  }

  delete(process: WatchedProcess): void {
    this.#processes.delete(process);
    this.#watch.delete(process);
  }

  /** Memory when last measured, in bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const { ownBytes } of this.#processes) bytes += ownBytes;
    return bytes;
  }

  /** Ends them for good. Callers of runs get `ExhaustedRun`. */
  exhaust(reason: string): void {
    for (const process of [...this.#processes]) process.exhaust(reason);
  }

  exhausted(reason: string): void {
    if (this.isExhausted) return;
    this.isExhausted = true;
    this.onExhausted(reason);
  }
}
