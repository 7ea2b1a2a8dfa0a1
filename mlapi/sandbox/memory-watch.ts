import { readTreeMemory, type TreeMemory } from './process-memory.ts';

/** Between two looks a run may take what memory can be written in this time: about 50 MB for each core. */
const everyMs = 50;
/** Only code that broke out of the runtime grows while it computes nothing. */
const idleLooks = 20;

/** A process whose memory is watched. */
export interface WatchedProcess {
  readonly pid: number;
  /** By the last look. */
  readonly ownBytes: number;
  /** @returns whether it loaded or computed since it was last asked */
  wasActive(): boolean;
  /** Told what its tree takes; it is for the process to end itself where that is too much. */
  measured(memory: TreeMemory): void;
  /** Ends it at once. */
  exhaust(reason: string): void;
}

/** Looks at what models' processes really take: one timer for all of them, which runs only while there are any. */
export class MemoryWatch {
  /** Called after each look. */
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
  /** Told why, once, when they are ended because of what they took. */
  onExhausted: (reason: string) => void = () => undefined;
  readonly #watch: MemoryWatch;
  readonly #processes = new Set<WatchedProcess>();
  /** Whether they were ended because of what they took. */
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

  /** Memory that they took when last measured, in bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const { ownBytes } of this.#processes) bytes += ownBytes;
    return bytes;
  }

  /** Ends them at once, for good. Their callers are told that there was no memory. */
  exhaust(reason: string): void {
    for (const process of [...this.#processes]) process.exhaust(reason);
  }

  exhausted(reason: string): void {
    if (this.isExhausted) return;
    this.isExhausted = true;
    this.onExhausted(reason);
  }
}
