import ts from 'typescript';

/** A range of characters in a file, and its replacement. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * Deletes the smallest part of a program that still makes sense without `node`: a list element, a property, a parameter, a member of a
 * union, one side of `??`, a branch of a condition; otherwise the statement or the declaration around it.
 * @param isTest in tests, the smallest part is the whole `test(...)`, or a row of its table
 */
export function cutAround(node: ts.Node, isTest = false): Edit {
  const test = isTest ? enclosingTest(node) : undefined;
  if (test !== undefined) return test;
  let child = node;
  for (let parent = node.parent as ts.Node | undefined; parent !== undefined; child = parent, parent = parent.parent) {
    const edit = editIn(parent, child, node);
    if (edit !== undefined) return edit;
  }
  throw new Error(`nothing can be cut around ${node.getText()}`);
}

function editIn(parent: ts.Node, child: ts.Node, node: ts.Node): Edit | undefined {
  if (ts.isArrayLiteralExpression(parent)) return fromArray(parent, child as ts.Expression);
  if (ts.isObjectLiteralExpression(parent)) return fromObject(parent, child, node);
  if (ts.isObjectBindingPattern(parent))
    return parent.elements.length > 1 ? fromList(parent.elements, child) : undefined;
  if (ts.isArrayBindingPattern(parent)) return isAlone(parent, child) ? undefined : fromList(parent.elements, child);
  if (ts.isNamedImports(parent) || ts.isNamedExports(parent))
    return parent.elements.length > 1 ? fromList(parent.elements, child) : undefined;
  if (ts.isUnionTypeNode(parent) || ts.isIntersectionTypeNode(parent)) return fromOperands(parent.types, child);
  if (ts.isHeritageClause(parent)) return parent.types.length > 1 ? fromList(parent.types, child) : whole(parent);
  if (ts.isInterfaceDeclaration(parent) || ts.isTypeLiteralNode(parent))
    return isMember(parent.members, child) ? whole(child) : undefined;
  if (ts.isClassDeclaration(parent))
    return isMember(parent.members, child) && !ts.isConstructorDeclaration(child) ? whole(child) : undefined;
  if (ts.isFunctionLike(parent) && isMember(parent.parameters, child)) return fromList(parent.parameters, child);
  if (ts.isCallExpression(parent)) return inChain(parent, child);
  if (ts.isConditionalExpression(parent)) return branchOf(parent, child);
  if (ts.isBinaryExpression(parent)) return otherSide(parent, child);
  if (ts.isCaseClause(parent) && parent.expression === child) return whole(parent);
  if (ts.isVariableDeclarationList(parent) && parent.declarations.length > 1)
    return fromList(parent.declarations, child);
  if (ts.isIfStatement(parent)) return inIf(parent, child);
  if (ts.isBlock(parent) || ts.isSourceFile(parent) || ts.isModuleBlock(parent)) return statement(parent, child);
  if (ts.isCaseOrDefaultClause(parent)) return isMember(parent.statements, child) ? whole(child) : undefined;
  return undefined;
}

/** Whether all other places of the pattern are empty. */
function isAlone({ elements }: ts.ArrayBindingPattern, child: ts.Node): boolean {
  return elements.every((element) => element === child || ts.isOmittedExpression(element));
}

function isMember(list: readonly ts.Node[], child: ts.Node): boolean {
  return list.includes(child);
}

/** The node with its leading comments. */
function whole(node: ts.Node): Edit {
  return { from: node.getFullStart(), to: node.getEnd(), text: '' };
}

/** Replaces a node by one inside it. */
function keep(node: ts.Node, kept: ts.Node): Edit {
  return { from: node.getStart(), to: node.getEnd(), text: kept.getText() };
}

function fromList(list: readonly ts.Node[], child: ts.Node): Edit | undefined {
  const index = list.indexOf(child);
  if (index === -1) return undefined;
  if (list.length === 1) return { from: list[0]!.getFullStart(), to: (list as unknown as ts.TextRange).end, text: '' };
  const next = list[index + 1];
  if (next !== undefined) return { from: list[index]!.getFullStart(), to: next.getFullStart(), text: '' };
  const before = list[index - 1];
  return { from: before === undefined ? child.getFullStart() : before.getEnd(), to: child.getEnd(), text: '' };
}

const identity = /^(?:name|title|id|kind|type|event|path|method)$/;

/** A property is removed if its name matches. If its value does, its object is removed, if that is a list element or identified by it. */
function fromObject(object: ts.ObjectLiteralExpression, child: ts.Node, node: ts.Node): Edit | undefined {
  const { name } = child as { name?: ts.Node };
  const isNamed = name === node || ts.isSpreadAssignment(child);
  const isIdentified = ts.isPropertyAssignment(child) && child.initializer === node && identity.test(name!.getText());
  if (!isNamed && (isIdentified || ts.isArrayLiteralExpression(object.parent))) return undefined;
  return fromList(object.properties, child);
}

/** A tuple is removed as a whole; destructuring by position keeps its positions. */
function fromArray(array: ts.ArrayLiteralExpression, child: ts.Expression): Edit | undefined {
  if (ts.isArrayLiteralExpression(array.parent)) return undefined;
  if (ts.isSpreadElement(array.parent) && array.elements.length === 1) return undefined;
  // `[...list.map(one), ...gone]` is the list itself.
  const others = array.elements.filter((element) => element !== child);
  const [only] = others;
  if (others.length === 1 && ts.isSpreadElement(only!) && /\.map\([^;]*\)$/.test(only.expression.getText()))
    return keep(array, only.expression);
  let holder: ts.Node = array.parent;
  while (ts.isCallExpression(holder) || ts.isAwaitExpression(holder) || ts.isAsExpression(holder))
    holder = holder.parent;
  if (ts.isVariableDeclaration(holder) && ts.isArrayBindingPattern(holder.name)) return undefined;
  return fromList(array.elements, child);
}

function fromOperands(types: readonly ts.TypeNode[], child: ts.Node): Edit | undefined {
  if (types.length < 2) return undefined;
  const index = types.indexOf(child as ts.TypeNode);
  return index === 0
    ? { from: types[0]!.getStart(), to: types[1]!.getStart(), text: '' }
    : { from: types[index - 1]!.getEnd(), to: child.getEnd(), text: '' };
}

/** A call in the middle of a chain, about names alone, as in `schema.without('a', 'b').required()`: the rest of the chain stays. */
function inChain(call: ts.CallExpression, child: ts.Node): Edit | undefined {
  const { expression, parent } = call;
  const isMiddle = ts.isPropertyAccessExpression(parent) && ts.isPropertyAccessExpression(expression);
  if (!isMiddle || !isMember(call.arguments, child) || !call.arguments.every(ts.isStringLiteral)) return undefined;
  return keep(call, expression.expression);
}

/** Without what a condition asks for, it is false; one that asks whether it is undefined, or not there, is true. */
function branchOf(node: ts.ConditionalExpression, child: ts.Node): Edit {
  if (child === node.whenTrue) return keep(node, node.whenFalse);
  if (child === node.whenFalse) return keep(node, node.whenTrue);
  return keep(node, asksForAbsence(node.condition) ? node.whenTrue : node.whenFalse);
}

function asksForAbsence(condition: ts.Expression): boolean {
  if (ts.isPrefixUnaryExpression(condition)) return condition.operator === ts.SyntaxKind.ExclamationToken;
  return /(?<!!)==?= undefined$/.test(condition.getText());
}

/** A removed value is undefined: a side that tests for that is true, any other is false. */
function otherSide(node: ts.BinaryExpression, child: ts.Node): Edit | undefined {
  const { kind } = node.operatorToken;
  const isTrue = asksForAbsence(child as ts.Expression);
  const isIdle =
    kind === ts.SyntaxKind.QuestionQuestionToken ||
    (kind === ts.SyntaxKind.BarBarToken && !isTrue) ||
    (kind === ts.SyntaxKind.AmpersandAmpersandToken && isTrue);
  const other = child === node.left ? node.right : node.left;
  // `...(gone ?? [])` adds nothing.
  const addsNothing = isEmptyLiteral(other) && ts.isSpreadElement(skipParentheses(node));
  return isIdle && !addsNothing ? keep(node, other) : undefined;
}

function isEmptyLiteral(node: ts.Expression): boolean {
  return ts.isArrayLiteralExpression(node) && node.elements.length === 0;
}

/** The node around an expression and its parentheses. */
function skipParentheses(node: ts.Expression): ts.Node {
  const { parent } = node;
  return ts.isParenthesizedExpression(parent) ? skipParentheses(parent) : parent;
}

function inIf(node: ts.IfStatement, child: ts.Node): Edit | undefined {
  const { thenStatement, elseStatement, parent } = node;
  if (child === elseStatement) return { from: thenStatement.getEnd(), to: child.getEnd(), text: '' };
  if (child === node.expression && asksForAbsence(node.expression)) {
    // After a branch that is always taken and returns, nothing is reached.
    const to = leaves(thenStatement) && ts.isBlock(parent) ? parent.statements.end : node.getEnd();
    return { from: node.getStart(), to, text: inside(thenStatement) };
  }
  // A branch that is a single statement is removed with its condition.
  return elseStatement === undefined ? undefined : { ...keep(node, elseStatement), text: inside(elseStatement) };
}

function leaves(branch: ts.Statement): boolean {
  const last = ts.isBlock(branch) ? branch.statements.at(-1) : branch;
  return last !== undefined && (ts.isReturnStatement(last) || ts.isThrowStatement(last));
}

/** The statements of a branch without its braces. */
function inside(branch: ts.Statement): string {
  return ts.isBlock(branch)
    ? branch.statements
        .map((each) => each.getFullText())
        .join('')
        .trimStart()
    : branch.getText();
}

/** A final return or throw cannot be removed alone: the function is removed. */
function statement(parent: ts.Block | ts.SourceFile | ts.ModuleBlock, child: ts.Node): Edit | undefined {
  if (!isMember(parent.statements, child)) return undefined;
  // A class that cannot call its superclass is removed.
  if (child.getText().startsWith('super(')) return undefined;
  const isLast = parent.statements.at(-1) === child;
  if (ts.isBlock(parent) && isLast && ts.isReturnStatement(child) && ts.isFunctionLike(parent.parent)) return undefined;
  if (ts.isBlock(parent) && parent.statements.length === 1 && ts.isIfStatement(parent.parent)) return undefined;
  return whole(child);
}

const testCalls = /^(?:test|it)(?:\.\w+)*$/;

/** A list with fewer elements is a tuple, each with its own meaning. */
const minListed = 4;

/** The `test(...)` around a node, or the row of a table or a list in it. */
function enclosingTest(node: ts.Node): Edit | undefined {
  let child = node;
  for (let parent = node.parent as ts.Node | undefined; parent !== undefined; child = parent, parent = parent.parent) {
    if (isTable(parent) && parent.elements.length > 1) return fromList(parent.elements, child);
    if (ts.isArrayLiteralExpression(parent) && parent.elements.length >= minListed)
      return fromList(parent.elements, child);
    if (!ts.isExpressionStatement(parent) || !ts.isCallExpression(parent.expression)) continue;
    if (testCalls.test(calleeOf(parent.expression))) return whole(parent);
    if (calleeOf(parent.expression).startsWith('describe') && parent.expression.arguments[0] === child)
      return whole(parent);
  }
  return undefined;
}

/** The table of `test.each(...)`. */
function isTable(node: ts.Node): node is ts.ArrayLiteralExpression {
  const { parent } = node;
  return (
    ts.isArrayLiteralExpression(node) && ts.isCallExpression(parent) && parent.expression.getText().endsWith('.each')
  );
}

/** `test`, also as `test.each(table)(...)`. */
function calleeOf({ expression }: ts.CallExpression): string {
  return ts.isCallExpression(expression) ? calleeOf(expression) : expression.getText();
}

/** Applies edits from the end of the text; an edit inside another is skipped. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const ordered = [...edits].sort((one, other) => other.to - one.to || one.from - other.from);
  let result = text;
  let reached = Infinity;
  for (const { from, to, text: inserted } of ordered) {
    if (to > reached) continue;
    result = result.slice(0, from) + inserted + result.slice(to);
    reached = from;
  }
  return result;
}
