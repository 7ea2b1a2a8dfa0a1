import { Problem } from '../problem.ts';

/** The conditional request headers that are supported (RFC 9110 section 13.1). */
export type Conditions = Readonly<Partial<Record<'if-match' | 'if-none-match', string | undefined>>>;

/** An entity tag, weak or strong, anywhere in a list (RFC 9110 section 8.8.3). */
const entityTag = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Rejects a request whose `If-Match` or `If-None-Match` does not hold (RFC 9110 section 13.2.2).
 * @param etag the current strong tag; undefined if there is no representation
 * @throws {Problem} 412 `precondition_failed`
 */
export function checkPreconditions(conditions: Conditions, etag: string | undefined): void {
  const match = conditions['if-match'];
  if (match !== undefined) {
    if (!isListed(match, etag, { isStrong: true })) throw changed();
  }
  const noneMatch = conditions['if-none-match'];
  if (noneMatch !== undefined && isListed(noneMatch, etag)) throw changed();
}

/**
 * Whether the caller of a GET already has this representation; the response is then 304 without a body.
 * @throws {Problem} 412 if `If-Match` names another one
 */
export function isUnchanged({ 'if-match': match, 'if-none-match': noneMatch }: Conditions, etag: string): boolean {
  if (match !== undefined) checkPreconditions({ 'if-match': match }, etag);
  return noneMatch !== undefined && isListed(noneMatch, etag);
}

/** Whether a list contains this tag, or is `*` while a tag exists. Malformed entries match nothing. */
function isListed(list: string, etag: string | undefined, { isStrong = false } = {}): boolean {
  if (etag === undefined) return false;
  if (list.trim() === '*') return true;
  for (const [, weak, tag] of list.matchAll(entityTag))
    if (tag === etag && !(isStrong && weak !== undefined)) return true;
  return false;
}

function changed(): Problem {
  return new Problem(
    412,
    'precondition_failed',
    'The resource does not match If-Match or If-None-Match; it may have changed.',
  );
}
