import type { ExternalFiles } from './external-data.ts';
import type { Tally } from './scan-limits.ts';

/** Numbers the names of values, so that each text is stored once. */
export class ValueNames {
  readonly #tally: Tally;
  readonly #ids = new Map<string, number>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  idOf(text: string): number {
    this.#tally.nameUses.add();
    const key = keyOf(text);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#tally.names.add();
    const id = this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }

  /** Slow; call it at the end of a scan only. */
  textsOf(ids: Iterable<number>): string[] {
    // A map keeps insertion order, which is the order of the ids.
    const keys = [...this.#ids.keys()];
    return Array.from(ids, (id) => keys[id]!.replace(/^:/, ''));
  }

  textOf(id: number): string {
    return this.textsOf([id])[0]!;
  }
}

/** V8 hashes numeric strings without a seed, so that collisions could be crafted. The prefix makes the key non-numeric. */
function keyOf(text: string): string {
  const first = text.charCodeAt(0);
  return first >= 0x30 && first <= 0x3a ? `:${text}` : text;
}

/** State shared by the rules of one scan. */
export interface ScanContext {
  readonly tally: Tally;
  readonly names: ValueNames;
  readonly external: ExternalFiles;
  /** Domains whose operators are used. */
  readonly usedDomains: Set<string>;
}
