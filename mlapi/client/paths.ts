/** A path below /api from a literal's parts: what stands between them is one segment each, and a version may be `@alias`. */
export function apiPath(parts: TemplateStringsArray, ...segments: string[]): string {
  return `/api/${String.raw({ raw: parts }, ...segments.map(toSegment))}`;
}

/** `?` and what is set, or nothing. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== false) set.append(name, String(value));
  return set.size === 0 ? '' : `?${set.toString()}`;
}

/** Proxies resolve dots, so that they would call another path. */
function toSegment(text: string): string {
  if (/^\.{0,2}$/.test(text)) throw new TypeError('a name in a path must not be empty or dots');
  return encodeURIComponent(text).replace(/^%40/, '@');
}
