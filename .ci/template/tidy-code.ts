import ts from 'typescript';
import { applyEdits, type Edit } from './cut-nodes.ts';

/** Simplifies what a removal leaves behind: `const found = this.get(name); return found;` returns the call itself. */
export function tidyCode(text: string): string {
  const edits: Edit[] = [];
  const source = ts.createSourceFile('tidied.ts', text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const edit = ts.isBlock(node) ? returnedAtOnce(node) : undefined;
    if (edit !== undefined) edits.push(edit);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return applyEdits(text, edits);
}

function returnedAtOnce(block: ts.Block): Edit | undefined {
  const [declared, returned] = block.statements.slice(-2);
  if (declared === undefined || returned === undefined || !ts.isVariableStatement(declared)) return undefined;
  const { declarations } = declared.declarationList;
  const [declaration] = declarations;
  if (declarations.length !== 1 || declaration?.initializer === undefined || declaration.type !== undefined)
    return undefined;
  if (!ts.isReturnStatement(returned) || returned.expression === undefined) return undefined;
  const isSame = ts.isIdentifier(declaration.name) && returned.expression.getText() === declaration.name.text;
  if (!isSame || ts.getLeadingCommentRanges(block.getSourceFile().text, returned.pos) !== undefined) return undefined;
  return { from: declared.getStart(), to: returned.getEnd(), text: `return ${declaration.initializer.getText()};` };
}
