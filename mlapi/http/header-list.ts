/**
 * The headers of an answer, in the flat form that Node writes fastest: names in lower case, each of them once, with its value
 * behind it.
 */
export class HeaderList {
  readonly #list: string[];

  constructor(first: readonly string[] = []) {
    this.#list = first.slice();
  }

  /** Where the name stands already, its value is replaced. */
  set(name: string, value: string): void {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] !== name) continue;
      list[at + 1] = value;
      return;
    }
    list.push(name, value);
  }

  /** For `writeHead`: not a copy. */
  get flat(): string[] {
    return this.#list;
  }
}
