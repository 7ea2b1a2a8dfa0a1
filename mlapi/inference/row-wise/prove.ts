import { yieldToEventLoop } from '../../http/event-loop.ts';
import { UnreadableModel, WireFile } from '../model-files/wire-file.ts';
import { castLike, elementwise, identity, unary } from './broadcast.ts';
import type { GraphNode, GraphPort, OnnxGraph } from './graph.ts';
import { OperatorCall, type ProvedValue, type Rule } from './operator-call.ts';
import { rowWiseOperators } from './operators.ts';
import { readGraph } from './read-graph.ts';
import { quantize } from './rules/samples.ts';
import { constantRules } from './rules/shapes.ts';
import { constantOf, NotRowWise, rowsOf, type Unproved, type Value } from './values.ts';

/** Per output: null if it is proved row-wise, otherwise the reason why not. Plain data. */
export type RowWiseProof = Readonly<Record<string, string | null>>;

const foldingRules: ReadonlySet<Rule> = new Set<Rule>([
  ...constantRules,
  castLike,
  elementwise,
  identity,
  quantize,
  unary,
]);
const nodesPerTurn = 1_000;
/** Most fields of one node, tensor or value: they are read in one turn of the event loop. */
const maxFieldsInARow = 100_000;
const maxNameLength = 64;

/**
 * Proves for each output of a model that each entry depends only on its own row, by following every value from the inputs on. Anything
 * unknown or beyond the limits counts as unproved.
 * @param outputs names of the outputs
 */
export async function proveRowWise(path: string, outputs: readonly string[]): Promise<RowWiseProof> {
  let answer: (output: string) => string | null;
  try {
    const values = await followValues(await readFile(path));
    answer = (output) => reasonOf(values.get(output));
  } catch (cause) {
    if (!(cause instanceof UnreadableModel)) throw cause;
    answer = () => `its graph could not be analysed: ${cause.message}`;
  }
  return Object.fromEntries(outputs.map((output) => [output, answer(output)]));
}

async function readFile(path: string): Promise<OnnxGraph> {
  const file = new WireFile(path, maxFieldsInARow);
  try {
    return await readGraph(file);
  } finally {
    file.close();
  }
}

function reasonOf(value: Value | undefined): string | null {
  if (value === undefined) return 'it is not a value of the graph';
  if (value.kind === 'unproved') return value.reason;
  return value.kind === 'rows' ? null : 'it does not have one entry per row on axis 0';
}

/** Derives what is known about each value of the graph. @throws {UnreadableModel} */
async function followValues(graph: OnnxGraph): Promise<ReadonlyMap<string, Value>> {
  const values = new Map<string, Value>();
  const define = (name: string, value: Value) => {
    if (name === '') return;
    if (values.has(name)) throw new UnreadableModel(`two values are called "${shown(name)}"`);
    values.set(name, value);
  };
  for (const { name, sizes, numbers } of graph.constants) define(name, constantOf(sizes, numbers));
  // Inputs with a default value are constants: callers send only the inputs that the runtime requires.
  for (const input of graph.inputs) if (values.get(input.name)?.kind !== 'constant') define(input.name, inputOf(input));
  let count = 0;
  for (const node of graph.nodes) {
    const outputs = follow(node, graph, values);
    node.outputs.forEach((name, at) =>
      define(name, outputs[at] ?? unproved(node, `output ${at} is not covered by the rules`)),
    );
    count += 1;
    if (count % nodesPerTurn === 0) await yieldToEventLoop();
  }
  return values;
}

/** Describes a model input. Its rank and fixed sizes are reliable: the runtime rejects other shapes. */
function inputOf({ name, sizes }: GraphPort): Value {
  const reason = (what: string): Unproved => ({ kind: 'unproved', reason: `the input "${shown(name)}" ${what}` });
  if (sizes === undefined) return reason('has an unknown rank');
  if (sizes.length === 0) return reason('is a single number');
  return sizes[0] === undefined ? rowsOf(...sizes.slice(1)) : reason('has a fixed number of rows');
}

function follow(node: GraphNode, { operatorSets }: OnnxGraph, values: ReadonlyMap<string, Value>): readonly Value[] {
  const all = (value: Value): Value[] => node.outputs.map(() => value);
  const inputs: (ProvedValue | undefined)[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? undefined : (values.get(name) ?? unproved(node, 'one of its inputs is unknown'));
    if (value?.kind === 'unproved') return all(value);
    inputs.push(value);
  }
  const domain = rowWiseOperators.get(node.domain);
  const rule = domain?.rules.get(node.operator);
  if (domain === undefined || rule === undefined)
    return all(unproved(node, 'this operator is not known to be row-wise'));
  const version = operatorSets.get(node.domain) ?? 0;
  if (version < domain.versions.least || version > domain.versions.most)
    return all(unproved(node, `version ${version} of its operator set is unknown`));
  return apply(rule, node, new OperatorCall(node, version, inputs));
}

function apply(rule: Rule, node: GraphNode, call: OperatorCall): readonly Value[] {
  try {
    if (call.isConstant && !foldingRules.has(rule)) return node.outputs.map(() => constantOf(undefined));
    const made = rule(call);
    return Array.isArray(made) ? (made as readonly Value[]) : [made as Value];
  } catch (cause) {
    if (!(cause instanceof NotRowWise)) throw cause;
    if (call.isConstant) return node.outputs.map(() => constantOf(undefined));
    return node.outputs.map(() => unproved(node, cause.message));
  }
}

function unproved({ name, operator, outputs }: GraphNode, why: string): Unproved {
  return { kind: 'unproved', reason: `${shown(operator)} "${shown(name || (outputs[0] ?? ''))}": ${why}` };
}

/** Names come from the file: shorten them and keep them on one line. */
function shown(name: string): string {
  return name.slice(0, maxNameLength).replace(/\p{C}/gu, ' ');
}
