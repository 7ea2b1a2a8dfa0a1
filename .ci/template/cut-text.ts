/** Removes sentences from plain text. @returns undefined if the text has none of the words */
export function cutSentences(text: string, words: RegExp): string | undefined {
  if (!words.test(text)) return undefined;
  return sentencesOf(text)
    .filter((sentence) => !words.test(sentence))
    .join('')
    .trim();
}

/** Sentences, each with the space after it. A dot in a number or an abbreviation does not end one. */
function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.?!]["')`*_]{0,2}\s+)(?=["'(`[*_]*[A-Z0-9`])/);
}

/** A block of a Markdown page, with its lines; blank lines belong to the block before them. */
interface Block {
  readonly kind: 'heading' | 'code' | 'table' | 'item' | 'paragraph';
  readonly lines: string[];
}

/**
 * Removes from a page whatever has one of the words: sections by their headings, table rows, lines of code, links in enumerations, and
 * sentences in lists and paragraphs.
 */
export function cutMarkdown(text: string, words: RegExp): string {
  if (!words.test(text)) return text;
  const kept: Block[] = [];
  let droppedLevel = Infinity;
  let isAnnouncementCut = false;
  for (const block of blocksOf(text)) {
    if (block.kind === 'heading') {
      const level = /^#+/.exec(block.lines[0]!)![0].length;
      if (level > droppedLevel) continue;
      droppedLevel = words.test(block.lines[0]!) && level > 1 ? level : Infinity;
      if (droppedLevel !== Infinity) continue;
    } else if (droppedLevel !== Infinity) continue;
    const isUnannounced: boolean = isAnnouncementCut && (block.kind === 'code' || block.kind === 'item');
    const isTitle = block.kind === 'heading';
    const lines: string[] = isUnannounced ? [] : isTitle ? block.lines : cutBlock(block, words);
    isAnnouncementCut = (isUnannounced && block.kind === 'item') || (announces(block.lines) && !announces(lines));
    if (lines.some((line) => line.trim() !== '')) kept.push({ kind: block.kind, lines });
    else if (!isUnannounced) announceNothing(kept);
  }
  return `${kept
    .map(({ lines }) => lines.join('\n'))
    .join('\n')
    .trimEnd()}\n`;
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let inCode = false;
  for (const line of text.split('\n')) {
    const last = blocks.at(-1);
    const isFence = /^\s*```/.test(line);
    if (inCode) {
      last!.lines.push(line);
      if (isFence) inCode = false;
      continue;
    }
    const kind = isFence ? 'code' : kindOf(line);
    const goesOn =
      last !== undefined && (line.trim() === '' || (continues(last, kind, line) && last.lines.at(-1)?.trim() !== ''));
    if (goesOn) last.lines.push(line);
    else blocks.push({ kind, lines: [line] });
    inCode = isFence;
  }
  return blocks;
}

function kindOf(line: string): Block['kind'] {
  if (/^#{1,6} /.test(line)) return 'heading';
  if (line.startsWith('|')) return 'table';
  return /^\s*(?:[-*]|\d+\.) /.test(line) ? 'item' : 'paragraph';
}

function continues(last: Block, kind: Block['kind'], line: string): boolean {
  if (kind === 'table') return last.kind === 'table';
  return kind === 'paragraph' && (last.kind === 'paragraph' || (last.kind === 'item' && line.startsWith(' ')));
}

function cutBlock({ kind, lines }: Block, words: RegExp): string[] {
  const text = lines.join('\n');
  if (!words.test(text)) return lines;
  if (kind === 'table') {
    const rows = lines
      .map((line, index) => (index < 2 ? line : cutListed(cutLinks(line, words), words)))
      .filter((line, index) => index < 2 || !words.test(line));
    return rows.filter((line) => line.startsWith('|')).length > 2 ? rows : [];
  }
  if (kind === 'code') {
    const inside = lines.filter((line) => !words.test(line));
    return inside.filter((line) => line.trim() !== '').length > 2 ? inside : [];
  }
  const mark = /^\s*(?:(?:[-*]|\d+\.) )?/.exec(text)![0];
  const end = /\s*$/.exec(text)![0];
  const content = cutLinks(text.slice(mark.length, text.length - end.length), words);
  const [lead = ''] = /^(?:\*\*|_)[^*_\n]+[.:](?:\*\*|_)/.exec(content) ?? [];
  if (lead !== '' && words.test(lead)) return [];
  const left = cutSentences(content, words) ?? content;
  return left === lead.trim() ? [] : (mark + left + end).split('\n');
}

/** Whether a paragraph introduces the next block. */
function announces(lines: readonly string[]): boolean {
  return lines.join('\n').trimEnd().endsWith(':');
}

/** Removes the matching items of a row, each between backticks. Returns the row unchanged if it still matches. */
function cutListed(row: string, words: RegExp): string {
  const without = (item: string) => (words.test(item) ? '' : item);
  const cut = row.replace(/[,;]\s+`[^`]*`/g, without).replace(/`[^`]*`[,;]\s+/g, without);
  return words.test(cut) ? row : cut;
}

/** Links of an enumeration, each with its comma. */
function cutLinks(text: string, words: RegExp): string {
  const without = (whole: string) => (words.test(whole) ? '' : whole);
  return text
    .replace(/,\s+\[[^\]]*\]\([^)]*\)/g, without)
    .replace(/\[[^\]]*\]\([^)]*\),\s+/g, without)
    .replace(/;\s+\[[^\]]*\]\([^)]*\)/g, without);
}

/** The sentence that introduces a removed block. */
function announceNothing(kept: Block[]): void {
  const last = kept.at(-1);
  if (last === undefined || last.kind === 'heading') return;
  const text = last.lines.join('\n').trimEnd();
  if (!text.endsWith(':')) return;
  const left = sentencesOf(text).slice(0, -1).join('').trimEnd();
  kept.pop();
  if (left !== '') kept.push({ kind: last.kind, lines: [...left.split('\n'), ''] });
}

/**
 * Removes lines from scripts, units and settings: those between `<name>` and `</name>` in comments, and those with one of the words,
 * with the lines indented under them. Comments lose sentences.
 */
export function cutLines(text: string, words: RegExp, names: readonly string[]): string {
  const kept: string[] = [];
  let until: string | undefined;
  let indentOfDropped = Infinity;
  let isBehindCut = false;
  for (const line of cutProse(text.split('\n'), words)) {
    const [, close, name] = /^\s*(?:#|\/\/) <(\/?)([a-z]+)>$/.exec(line) ?? [];
    if (name !== undefined && names.includes(name)) {
      until = close === '' ? name : undefined;
      isBehindCut = true;
      continue;
    }
    if (until !== undefined) continue;
    const indent = line.search(/\S/);
    if (indent > indentOfDropped) continue;
    // Of the gaps before and behind what is gone, the first stays.
    if (indent === -1 && isBehindCut && (kept.at(-1) ?? '') === '') continue;
    indentOfDropped = Infinity;
    const left = words.test(line) ? leftOfLine(line, indent, words) : line;
    if (left === undefined && !/^\s*#/.test(line)) indentOfDropped = indent;
    if (left !== undefined) kept.push(left);
    isBehindCut = left === undefined;
  }
  return kept.join('\n');
}

/** Takes out paragraphs as a whole: a setting and the comment above it belong together. */
export function cutParagraphs(text: string, words: RegExp): string {
  const kept = text
    .trimEnd()
    .split('\n\n')
    .filter((paragraph) => !words.test(paragraph));
  return `${kept.join('\n\n')}\n`;
}

/** Comments of several lines lose sentences, wherever these break. */
function cutProse(lines: readonly string[], words: RegExp): string[] {
  const result: string[] = [];
  const rest = [...lines];
  for (let first = rest[0]; first !== undefined; first = rest[0]) {
    const [mark = ''] = /^\s*# (?=[A-Z`])/.exec(first) ?? [];
    const next = rest.findIndex((line, at) => at > 0 && (!line.startsWith(mark) || /^\s*# </.test(line)));
    const whole = rest.splice(0, mark === '' ? 1 : next === -1 ? rest.length : next);
    const comment = whole.map((line) => line.slice(mark.length));
    const isProse = whole.length > 1 && /[.?!]$/.test(comment.at(-1)!);
    const left = isProse ? cutSentences(comment.join('\n'), words) : undefined;
    if (left === undefined) result.push(...whole);
    else if (left !== '') result.push(...left.split('\n').map((line) => mark + line));
  }
  return result;
}

/** A comment loses sentences; any other line goes. */
function leftOfLine(line: string, indent: number, words: RegExp): string | undefined {
  if (!/^\s*#/.test(line)) return undefined;
  const left = cutSentences(line.replace(/^\s*#+ ?/, ''), words);
  return left === undefined || left === '' ? undefined : `${' '.repeat(indent)}# ${left}`;
}

/** Removes from JSON the objects in lists that have one of the words, those left with empty lists, and sentences of texts. */
export function cutJson(text: string, words: RegExp): string {
  return `${JSON.stringify(cutValue(JSON.parse(text), words), undefined, 2)}\n`;
}

function cutValue(value: unknown, words: RegExp): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isMeant(item, words)).map((item) => cutValue(item, words));
  if (typeof value === 'string') return cutSentences(value, words) ?? value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !words.test(key))
      .map(([key, inner]) => [key, cutValue(inner, words)]),
  );
}

/** Whether a list item has one of the words itself, or consists only of items that do. */
function isMeant(item: unknown, words: RegExp): boolean {
  if (typeof item !== 'object' || item === null) return words.test(String(item));
  const lists = Object.values(item).filter((inner): inner is unknown[] => Array.isArray(inner) && inner.some(isObject));
  const own = Object.fromEntries(Object.entries(item).filter(([, inner]) => !lists.includes(inner as unknown[])));
  if (words.test(JSON.stringify(own))) return true;
  return lists.length > 0 && lists.every((list) => list.length > 0 && list.every((inner) => isMeant(inner, words)));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
