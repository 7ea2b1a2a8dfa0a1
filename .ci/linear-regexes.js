import { createRequire } from 'node:module';

// The build in plain JavaScript, for the same verdict on every machine.
const { checkSync } = createRequire(import.meta.url)('recheck/lib/browser.js');
/** Per expression. The slowest takes two seconds; a busy machine must not fail the check. */
const timeoutMs = 120_000;
const implicit = new Set(['match', 'matchAll', 'search']);
const verdicts = new Map();

/** @returns why it is not proved to take time linear in the length of the text, or undefined if it is */
function findFault(source, flags) {
  const key = `/${source}/${flags}`;
  if (!verdicts.has(key)) verdicts.set(key, check(source, flags));
  return verdicts.get(key);
}

function check(source, flags) {
  try {
    // The library's other method, fuzzing, proves nothing.
    const { status, complexity, error } = checkSync(source, flags, { checker: 'automaton', timeout: timeoutMs });
    if (status === 'safe') return undefined;
    return status === 'vulnerable' ? complexity.summary : `not proved: ${error.kind}`;
  } catch (error) {
    return `not proved: ${error.name}`;
  }
}

/** The text of a literal, or of a template without expressions; otherwise undefined. */
function readText(node) {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked;
  return undefined;
}

/**
 * Every regular expression must be proved linear, so that no input takes long. Rewrite one that cannot be proved, or avoid it: no
 * consecutive loops that can match the same text, no counted repetition inside a loop, no look-around beside a loop. Expressions
 * built at run time cannot be proved.
 */
export const linear = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      slow: 'This regular expression is not linear ({{fault}}): rewrite it, or read the text without one.',
      unknown: 'A regular expression that is made while the program runs cannot be proved linear: write a literal.',
    },
  },
  create(context) {
    const report = (node, source, flags) => {
      const fault = findFault(source, flags);
      if (fault !== undefined) context.report({ node, messageId: 'slow', data: { fault } });
    };
    const readCall = (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'RegExp') return;
      const [source, flags] = node.arguments;
      const [text, flagText] = [readText(source), flags === undefined ? '' : readText(flags)];
      if (text === undefined || flagText === undefined) context.report({ node, messageId: 'unknown' });
      else report(node, text, flagText);
    };
    return {
      'Literal[regex]': (node) => report(node, node.regex.pattern, node.regex.flags),
      NewExpression: readCall,
      CallExpression(node) {
        readCall(node);
        // These methods turn a string into a regular expression.
        const { callee } = node;
        if (callee.type !== 'MemberExpression' || !implicit.has(callee.property.name)) return;
        const [given] = node.arguments;
        const isRegex = given?.type === 'Literal' && given.regex !== undefined;
        if (given !== undefined && !isRegex && !isTypedRegex(context, given))
          context.report({ node, messageId: 'unknown' });
      },
    };
  },
};

function isTypedRegex({ sourceCode }, node) {
  const type = sourceCode.parserServices?.getTypeAtLocation?.(node);
  return type?.getSymbol()?.getName() === 'RegExp';
}
