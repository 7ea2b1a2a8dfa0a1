/** Names from `from` (inclusive) to `to` (exclusive) in byte order: one range of a database index. */
export interface NameRange {
  readonly from: string;
  readonly to: string;
}

/** Names contain letters, digits and `.`, `_`, `-`. All of them sort above the space and below the brace. */
const [belowAll, aboveAll] = [' ', '{'];

export const everyName: NameRange = { from: '', to: aboveAll };

/** One name alone. */
export function rangeOfName(name: string): NameRange {
  return { from: name, to: name + belowAll };
}

/** The names that begin with a prefix. @param prefix characters of names; empty for all */
export function rangeOfPrefix(prefix: string): NameRange {
  if (prefix === '') return everyName;
  const last = prefix.length - 1;
  return { from: prefix, to: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) };
}

/** The names after this one. @param name empty for all */
export function rangeAfter(name: string): NameRange {
  return name === '' ? everyName : { from: name + belowAll, to: aboveAll };
}

/** The same names as sorted ranges that do not overlap. */
export function unionOf(ranges: readonly NameRange[]): NameRange[] {
  const union: NameRange[] = [];
  for (const range of [...ranges].sort((one, other) => (one.from < other.from ? -1 : 1))) {
    const last = union.at(-1);
    if (last === undefined || range.from > last.to) union.push(range);
    else if (range.to > last.to) union[union.length - 1] = { from: last.from, to: range.to };
  }
  return union;
}

/** Returns the parts of these ranges that lie in `other`. */
export function intersect(ranges: readonly NameRange[], other: NameRange): NameRange[] {
  return ranges
    .map(({ from, to }) => ({ from: from > other.from ? from : other.from, to: to < other.to ? to : other.to }))
    .filter(({ from, to }) => from < to);
}

export function isWithin(ranges: readonly NameRange[], name: string): boolean {
  return ranges.some(({ from, to }) => name >= from && name < to);
}
