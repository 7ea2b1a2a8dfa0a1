/** Names from `from` up to `to`, without `to` itself, in the order of their bytes: what an index of a database finds at once. */
export interface NameRange {
  readonly from: string;
  readonly to: string;
}

/** Names have letters, digits and `.`, `_`, `-`: the first of them is above the blank, and each name is below the brace. */
const [belowAll, aboveAll] = [' ', '{'];

export const everyName: NameRange = { from: '', to: aboveAll };

/** One name alone. */
export function rangeOfName(name: string): NameRange {
  return { from: name, to: name + belowAll };
}

/** The names that begin so. @param prefix letters of names; empty for all */
export function rangeOfPrefix(prefix: string): NameRange {
  if (prefix === '') return everyName;
  const last = prefix.length - 1;
  return { from: prefix, to: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) };
}

/** The names that come after this one. @param name empty for all */
export function rangeAfter(name: string): NameRange {
  return name === '' ? everyName : { from: name + belowAll, to: aboveAll };
}

/** The same names in ranges that are in order, and of which no two have a name in common. */
export function unionOf(ranges: readonly NameRange[]): NameRange[] {
  const union: NameRange[] = [];
  for (const range of [...ranges].sort((one, other) => (one.from < other.from ? -1 : 1))) {
    const last = union.at(-1);
    if (last === undefined || range.from > last.to) union.push(range);
    else if (range.to > last.to) union[union.length - 1] = { from: last.from, to: range.to };
  }
  return union;
}

/** Returns the parts of these ranges that also lie in the other one. */
export function intersect(ranges: readonly NameRange[], other: NameRange): NameRange[] {
  return ranges
    .map(({ from, to }) => ({ from: from > other.from ? from : other.from, to: to < other.to ? to : other.to }))
    .filter(({ from, to }) => from < to);
}

export function isWithin(ranges: readonly NameRange[], name: string): boolean {
  return ranges.some(({ from, to }) => name >= from && name < to);
}
