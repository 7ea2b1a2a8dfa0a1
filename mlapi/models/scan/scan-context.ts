import type { ExternalFiles } from './external-data.ts';
import type { Tally } from './scan-limits.ts';

/** The names of values as numbers: each text is kept once, however often the nodes use it. */
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

  /** Slow: for the end of a scan. */
  textsOf(ids: Iterable<number>): string[] {
    // A map keeps the order in which its keys came, and that is the order of the ids.
    const keys = [...this.#ids.keys()];
    return Array.from(ids, (id) => keys[id]!.replace(/^:/, ''));
  }

  textOf(id: number): string {
    return this.textsOf([id])[0]!;
  }
}

/** The prefix keeps digits from being hashed as numbers, which is without a seed: names could be made to collide. */
function keyOf(text: string): string {
  const first = text.charCodeAt(0);
  return first >= 0x30 && first <= 0x3a ? `:${text}` : text;
}

/** State that the rules of one scan share. */
export interface ScanContext {
  readonly tally: Tally;
  readonly names: ValueNames;
  readonly external: ExternalFiles;
  /** The domains that nodes took their operators from. */
  readonly usedDomains: Set<string>;
}
