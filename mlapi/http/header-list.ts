/** Response headers in the flat form that Node writes fastest: name, value, name, value. Names are lower case and unique. */
export class HeaderList {
  readonly #list: string[];

  constructor(first: readonly string[] = []) {
    this.#list = first.slice();
  }

  /** Replaces the value if the name is present. */
  set(name: string, value: string): void {
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] !== name) continue;
      list[at + 1] = value;
      return;
    }
    list.push(name, value);
  }

  /** The list itself, not a copy, for `writeHead`. */
  get flat(): string[] {
    return this.#list;
  }
}
