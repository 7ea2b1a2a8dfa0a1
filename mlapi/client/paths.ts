/** Builds a path below /api from a template literal. Each value is one path segment; a version may be `@alias`. */
export function apiPath(parts: TemplateStringsArray, ...segments: string[]): string {
  return `/api/${String.raw({ raw: parts }, ...segments.map(toSegment))}`;
}

/** Returns a query string of the set values, or an empty string. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== false) set.append(name, String(value));
  return set.size === 0 ? '' : `?${set.toString()}`;
}

/** Empty or dotted segments are rejected: proxies would resolve them to another path. */
function toSegment(text: string): string {
  if (/^\.{0,2}$/.test(text)) throw new TypeError('a name in a path must not be empty or dots');
  return encodeURIComponent(text).replace(/^%40/, '@');
}
