import { isDeepStrictEqual } from 'node:util';

type Node = Readonly<Record<string, unknown>>;

const valueKeys = new Set(['example', 'examples', 'enum', 'default']);

/** Collects titled schemas as components that other schemas refer to. */
export class Components {
  readonly schemas: Record<string, object> = {};

  /**
   * Copies JSON, replacing each schema with a `title` by a reference. A nullable schema becomes a component without null, as code
   * generators expect.
   * @throws {Error} if two different schemas share a title
   */
  refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.refer(item));
    if (typeof value !== 'object' || value === null) return value;
    const { title, default: fallback, ...rest } = value as Node;
    if (typeof title !== 'string') return this.#copy(value as Node);
    const { type } = rest;
    const isNullable = Array.isArray(type) && type.length === 2 && type[1] === 'null';
    this.#keep(title, isNullable ? { ...rest, type: (type as unknown[])[0] } : rest);
    const reference = { $ref: `#/components/schemas/${title}` };
    const referred = isNullable ? { anyOf: [reference, { type: 'null' }] } : reference;
    return fallback === undefined ? referred : { ...referred, default: fallback };
  }

  #copy(node: Node): object {
    return mapValues(node, (inner, key) => {
      // In values, `title` is ordinary data, and a property may be called `title`.
      if (valueKeys.has(key)) return inner;
      return key === 'properties' ? mapValues(inner as Node, (property) => this.refer(property)) : this.refer(inner);
    });
  }

  #keep(title: string, schema: Node): void {
    const copy = this.#copy(schema);
    const known = (this.schemas[title] ??= copy);
    if (!isDeepStrictEqual(known, copy)) throw new Error(`two schemas have the title ${title}`);
  }
}

function mapValues(node: Node, change: (value: unknown, key: string) => unknown): object {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value, key)]));
}
