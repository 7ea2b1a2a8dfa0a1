import { Problem } from '../problem.ts';

/** The headers of a request that make it conditional (RFC 9110 section 13.1). */
export type Conditions = Readonly<Partial<Record<'if-match' | 'if-none-match', string | undefined>>>;

/** An entity tag, weak or strong, wherever it stands in a list (RFC 9110 section 8.8.3). */
const entityTag = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Refuses a request for a representation that is another one by now, or that must not be there yet (RFC 9110 section 13.2.2).
 * @param etag the strong tag that it has now; undefined where there is none
 * @throws {Problem} 412
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
 * Whether the caller of a GET has the representation already: it is then answered 304, without a body.
 * @throws {Problem} 412 where `If-Match` asks for another one
 */
export function isUnchanged({ 'if-match': match, 'if-none-match': noneMatch }: Conditions, etag: string): boolean {
  if (match !== undefined) checkPreconditions({ 'if-match': match }, etag);
  return noneMatch !== undefined && isListed(noneMatch, etag);
}

/** Whether a list has this tag, or is `*`, and there is one. What is no tag is no tag of ours. */
function isListed(list: string, etag: string | undefined, { isStrong = false } = {}): boolean {
  if (etag === undefined) return false;
  if (list.trim() === '*') return true;
  for (const [, weak, tag] of list.matchAll(entityTag))
    if (tag === etag && !(isStrong && weak !== undefined)) return true;
  return false;
}

function changed(): Problem {
  return new Problem(412, 'precondition_failed', 'It is not, or no longer, what If-Match or If-None-Match asks for.');
}
