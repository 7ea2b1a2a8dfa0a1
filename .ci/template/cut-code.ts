import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import ts from 'typescript';
import { cutComments } from './cut-comments.ts';
import { applyEdits, cutAround, type Edit } from './cut-nodes.ts';
import { cutSentences } from './cut-text.ts';
import { Sources } from './sources.ts';
import { tidyCode } from './tidy-code.ts';

/** More rounds than any removal has needed. */
const maxRounds = 40;

/** Diagnostics about something missing: the surrounding part is removed too. */
const missing = new Set([2304, 2305, 2307, 2339, 2353, 2503, 2551, 2552, 2561, 2584, 2614, 2724, 2749]);
const superfluous = 2554;
/** Diagnostics about something unused. */
const unused = new Set([6133, 6138, 6192, 6196, 6198, 6199, 6205]);

/** Places in the code that need manual repair. */
export interface Leftover {
  readonly place: string;
  readonly problem: string;
}

/**
 * Removes from the TypeScript of a project whatever names a removed feature: first nodes with one of its words, and imports of missing
 * files; then, in changed files and their importers, whatever the compiler reports as missing or unused.
 * @param wordsOf the words of the removed features in a file; undefined if they mean something else there
 * @param suspects further files in which something may be unused now
 * @returns the changed files, and the places that need manual repair
 */
export function cutCode(
  root: string,
  wordsOf: (path: string) => RegExp | undefined,
  suspects: readonly string[] = [],
): { changed: string[]; leftovers: Leftover[] } {
  const sources = new Sources(root);
  const touched = sources.paths.filter((path) => {
    const before = sources.text(path);
    cutWords(sources, path, wordsOf(relative(root, path)) ?? /(?!)/, isTest(root, path));
    return sources.text(path) !== before || suspects.includes(relative(root, path));
  });
  deleteEmptyTests(sources);
  const isServed = (path: string) => !relative(root, path).startsWith('test/');
  // The tests depend on the served code, so they are checked once that compiles.
  settle(sources, root, withImporters(sources, touched).filter(isServed));
  settle(sources, root, withImporters(sources, [...touched, ...sources.changed]));
  const leftovers = withImporters(sources, sources.changed).flatMap((path) =>
    sources.diagnostics(path).map((diagnostic) => leftoverOf(root, path, diagnostic)),
  );
  for (const path of sources.changed) sources.write(path, tidyCode(sources.text(path)));
  return { changed: sources.save(), leftovers };
}

/** These files and their importers, which may miss something now. */
function withImporters(sources: Sources, paths: readonly string[]): string[] {
  const given = new Set(paths);
  return sources.paths.filter(
    (path) => given.has(path) || sources.imports(path).some((imported) => given.has(imported)),
  );
}

/** Removes what the compiler reports, until there are no reports or none that can be removed. */
function settle(sources: Sources, root: string, paths: readonly string[]): void {
  let suspects = new Set(paths);
  for (let round = 0; round < maxRounds && suspects.size > 0; round += 1) {
    const edited = new Set<string>();
    for (const path of suspects) {
      const edits = sources
        .diagnostics(path)
        .map((diagnostic) => editFor(sources, path, diagnostic, isTest(root, path)))
        .filter((edit) => edit !== undefined);
      if (edits.length === 0) continue;
      edited.add(path);
      sources.write(path, applyEdits(sources.text(path), edits));
    }
    deleteEmptyTests(sources);
    suspects = new Set(withImporters(sources, [...edited]));
  }
}

function isTest(root: string, path: string): boolean {
  return relative(root, path).startsWith('test/') && path.endsWith('.test.ts');
}

/** Deletes test files without tests, and groups without tests in the others. */
function deleteEmptyTests(sources: Sources): void {
  for (const path of sources.changed) {
    if (!path.endsWith('.test.ts')) continue;
    const source = ts.createSourceFile(path, sources.text(path), ts.ScriptTarget.Latest, true);
    if (!hasTests(source)) sources.delete(path);
    else sources.write(path, applyEdits(source.text, emptyGroups(source)));
  }
}

function emptyGroups(source: ts.SourceFile): Edit[] {
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    const isGroup =
      ts.isExpressionStatement(node) && ts.isCallExpression(node.expression) && node.getText().startsWith('describe');
    if (isGroup && !hasTests(node)) edits.push({ from: node.getFullStart(), to: node.getEnd(), text: '' });
    else ts.forEachChild(node, visit);
  };
  visit(source);
  return edits;
}

/** Whether something in it calls a test function with a title and a function. */
function hasTests(root: ts.Node): boolean {
  const source = root.getSourceFile();
  let isFound = false;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTestCall(node.expression.getText(source))) {
      const [title, ...rest] = node.arguments;
      const isNamed = title !== undefined && ts.isStringLiteralLike(title);
      if (title !== undefined && rest.some((each) => ts.isFunctionLike(each) || (isNamed && ts.isIdentifier(each))))
        isFound = true;
    }
    if (!isFound) ts.forEachChild(node, visit);
  };
  visit(root);
  return isFound;
}

/** `test`, `test.each(...)`, a choice of one of them, or a name of the file's own; neither `describe` nor a method. */
function isTestCall(callee: string): boolean {
  return /^(?:\(?[^()]*\b(?:test|it)\b|(?!describe)\w+$)/.test(callee);
}

/** Removes imports of missing files, and names, texts and comments with one of the words. */
function cutWords(sources: Sources, path: string, words: RegExp, inTest: boolean): void {
  // Neighbours may be next: two elements of a list share their comma.
  for (let round = 0; round < maxRounds; round += 1) {
    const before = sources.text(path);
    const source = ts.createSourceFile(path, before, ts.ScriptTarget.Latest, true);
    const edits: Edit[] = [];
    const visit = (node: ts.Node): void => {
      if (isGone(node, path)) edits.push(cutAround(node));
      else if (isName(node) && words.test(node.text)) edits.push(cutAround(node, inTest));
      else if (isText(node) && words.test(node.text))
        edits.push(withoutSentences(node, words) ?? cutAround(node, inTest));
      else ts.forEachChild(node, visit);
    };
    visit(source);
    sources.write(path, cutComments(path, applyEdits(before, edits), words));
    if (sources.text(path) === before) return;
  }
}

function isName(node: ts.Node): node is ts.Identifier | ts.PrivateIdentifier {
  return ts.isIdentifier(node) || ts.isPrivateIdentifier(node);
}

function isText(node: ts.Node): node is ts.LiteralLikeNode {
  return ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
}

/** The specifier of an import, static or dynamic, of a missing file. */
function isGone(node: ts.Node, path: string): boolean {
  if (!ts.isStringLiteral(node) || !/^\.{1,2}\//.test(node.text) || !node.text.endsWith('.ts')) return false;
  const { parent } = node;
  const isImport = ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent);
  const isDynamic = ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword;
  return (isImport || isDynamic || ts.isLiteralTypeNode(parent)) && !existsSync(resolve(dirname(path), node.text));
}

/** Removes sentences from a text of several. */
function withoutSentences(node: ts.LiteralLikeNode, words: RegExp): Edit | undefined {
  const kept = cutSentences(node.text, words);
  if (!ts.isStringLiteral(node) || kept === undefined || kept === '' || words.test(kept)) return undefined;
  const quote = kept.includes("'") ? '"' : "'";
  return { from: node.getStart(), to: node.getEnd(), text: quote + kept + quote };
}

function editFor(sources: Sources, path: string, diagnostic: ts.Diagnostic, inTest: boolean): Edit | undefined {
  const { code, start } = diagnostic;
  if (start === undefined) return undefined;
  const source = sources.program.getSourceFile(path)!;
  const node = nodeAt(source, start);
  if (missing.has(code)) return cutAround(node, inTest);
  if (code === superfluous) return superfluousArgument(node);
  if (unused.has(code)) return cutUnused(node);
  return undefined;
}

function nodeAt(source: ts.SourceFile, position: number): ts.Node {
  let found: ts.Node = source;
  const visit = (node: ts.Node): void => {
    if (node.getStart(source) > position || node.getEnd() <= position) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The argument that a function no longer takes. */
function superfluousArgument(node: ts.Node): Edit | undefined {
  for (let child = node; (child.parent as ts.Node | undefined) !== undefined; child = child.parent) {
    const call = child.parent;
    if (!ts.isCallExpression(call) && !ts.isNewExpression(call)) continue;
    const list: readonly ts.Expression[] = call.arguments ?? [];
    const index = list.indexOf(child as ts.Expression);
    if (index !== -1)
      return {
        from: index === 0 ? call.arguments!.pos : list[index - 1]!.getEnd(),
        to: list.at(-1)!.getEnd(),
        text: '',
      };
  }
  return undefined;
}

function cutUnused(node: ts.Node): Edit | undefined {
  let target = node;
  if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) target = node.parent;
  if (ts.isParameter(target)) {
    const { parameters } = target.parent;
    if (parameters.at(-1) === target) return cutAround(target.name);
    return { from: target.name.getStart(), to: target.name.getStart(), text: '_' };
  }
  if (ts.isImportClause(target)) return cutAround(target);
  return cutAround(ts.isVariableDeclaration(target) ? target : target === node ? node : firstName(target));
}

function firstName(node: ts.Node): ts.Node {
  return (node as { name?: ts.Node }).name ?? node;
}

function leftoverOf(root: string, path: string, diagnostic: ts.Diagnostic): Leftover {
  const { line } = ts.getLineAndCharacterOfPosition(diagnostic.file!, diagnostic.start ?? 0);
  const problem = `TS${diagnostic.code}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
  return { place: `${relative(root, path)}:${line + 1}`, problem };
}
