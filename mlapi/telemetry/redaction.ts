/** A signed token has three parts. The first two are at least this long. */
const shortestPart = 10;
/** base64url of `{"`, with which the first part of a token begins. */
const headStart = 'eyJ';
/** A first part of at least this length is redacted even without the other parts. */
const shortestHead = 11;
const replacement = '[token]';
const dot = 0x2e;

/** 1 for each base64url character. */
const isBase64url = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-')
  isBase64url[character.charCodeAt(0)] = 1;

/**
 * Replaces everything that looks like a signed token, or like the beginning of one. Runs in linear time, since clients choose the paths
 * that are logged.
 */
export function redactTokens(text: string): string {
  let redacted = '';
  let keptUntil = 0;
  let at = 0;
  while (at < text.length) {
    const end = endOfPart(text, at);
    let tokenStart = at;
    let tokenEnd = endOfThreeParts(text, at, end);
    if (tokenEnd === -1) {
      tokenStart = startOfHead(text, at, end);
      if (tokenStart !== -1) tokenEnd = endOfFurtherParts(text, end);
    }
    if (tokenEnd === -1) {
      at = end + 1;
      continue;
    }
    redacted += text.slice(keptUntil, tokenStart) + replacement;
    keptUntil = tokenEnd;
    at = tokenEnd;
  }
  return keptUntil === 0 ? text : redacted + text.slice(keptUntil);
}

function endOfPart(text: string, start: number): number {
  let end = start;
  while (end < text.length && isBase64url[text.charCodeAt(end)] === 1) end += 1;
  return end;
}

/** @returns -1 if the part is not the first of three */
function endOfThreeParts(text: string, start: number, end: number): number {
  if (end - start < shortestPart || text.charCodeAt(end) !== dot) return -1;
  const secondEnd = endOfPart(text, end + 1);
  if (secondEnd - end - 1 < shortestPart || text.charCodeAt(secondEnd) !== dot) return -1;
  return endOfPart(text, secondEnd + 1);
}

/** @returns -1 if the part contains no beginning of a token */
function startOfHead(text: string, start: number, end: number): number {
  if (end - start < shortestHead) return -1;
  const found = text.slice(start, end - shortestHead + headStart.length).indexOf(headStart);
  return found === -1 ? -1 : start + found;
}

function endOfFurtherParts(text: string, start: number): number {
  let end = start;
  while (text.charCodeAt(end) === dot) end = endOfPart(text, end + 1);
  return end;
}
