import ts from 'typescript';
import { applyEdits, type Edit } from './cut-nodes.ts';
import { cutSentences } from './cut-text.ts';

/** Removes from the comments of a TypeScript file the sentences with one of the words. */
export function cutComments(path: string, text: string, words: RegExp): string {
  const edits: Edit[] = [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const starts = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      if (starts.has(pos)) continue;
      starts.add(pos);
      const comment = text.slice(pos, end);
      if (!words.test(comment)) continue;
      const left = cutComment(comment, words);
      edits.push(left === '' ? wholeLines(text, pos, end) : { from: pos, to: end, text: left });
    }
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  return applyEdits(text, edits);
}

/** Deletes a range, with its lines if nothing else is on them. */
function wholeLines(text: string, from: number, to: number): Edit {
  const start = text.lastIndexOf('\n', from - 1) + 1;
  const isAlone = text.slice(start, from).trim() === '' && text[to] === '\n';
  return isAlone ? { from: start, to: to + 1, text: '' } : { from, to, text: '' };
}

/** A comment without the sentences that have one of the words; nothing if none is left. */
function cutComment(comment: string, words: RegExp): string {
  const isLine = comment.startsWith('//');
  const plain = isLine ? comment.slice(2) : comment.replace(/^\/\*\*?|\*\/$/g, '').replace(/^\s*\* ?/gm, '');
  const kept = plain
    .split(/\n(?=@)/)
    .map((part) => cutSentences(part.trim(), words) ?? part.trim())
    .filter((part) => part !== '' && !words.test(part));
  if (kept.length === 0) return '';
  if (isLine) return `// ${kept.join(' ')}`;
  const lines = kept.join('\n').split('\n');
  const open = comment.startsWith('/**') ? '/**' : '/*';
  return lines.length === 1 ? `${open} ${lines[0]} */` : [open, ...lines.map((line) => ` * ${line}`), ' */'].join('\n');
}
