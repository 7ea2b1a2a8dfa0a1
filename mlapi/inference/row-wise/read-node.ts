import type { Attribute, GraphNode, GraphTensor } from './graph.ts';
import { readTensor } from './read-tensor.ts';
import { UnreadableModel, type WireField, type WireFile } from '../model-files/wire-file.ts';

/** Field numbers of NodeProto and AttributeProto. */
const node = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 };
const attribute = { name: 1, int: 3, text: 4, tensor: 5, floats: 7, ints: 8, strings: 9 };

/** Attributes that rules ask for; all others are passed over unread: a tree ensemble has millions of values in them. */
const wanted: ReadonlySet<string> = new Set(
  (
    'allowzero axes axis ends k keepdims n_targets noop_with_empty_axes pads perm split starts targets training_mode ' +
    'transA transB value value_float value_floats value_int value_ints value_string ' +
    'value_strings'
  ).split(' '),
);
/** An attribute that does not begin with its name is read up to here. */
const mostUnnamedBytes = 65_536;
const mostValues = 4_096;
const mostNames = 10_000;

/** The standard's domain has two names. */
export function domainOf(name: string): string {
  return name === '' ? 'ai.onnx' : name;
}

/** Reads a NodeProto. @throws {UnreadableModel} */
export function readNode(file: WireFile, field: WireField): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let [name, operator, domain] = ['', '', ''];
  for (const part of file.message(field)) {
    if (part.number === node.input) inputs.push(file.text(part));
    else if (part.number === node.output) outputs.push(file.text(part));
    else if (part.number === node.name) name = file.text(part);
    else if (part.number === node.operator) operator = file.text(part);
    else if (part.number === node.domain) domain = file.text(part);
    else if (part.number === node.attribute) addAttribute(file, part, attributes);
  }
  if (inputs.length + outputs.length > mostNames) throw new UnreadableModel('one of its nodes has too many inputs');
  return { name, operator, domain: domainOf(domain), inputs, outputs, attributes };
}

function addAttribute(file: WireFile, part: WireField, attributes: Map<string, Attribute>): void {
  const name = nameOf(file, part);
  if (!wanted.has(name)) return;
  if (attributes.has(name)) throw new UnreadableModel(`one of its nodes has the attribute ${name} twice`);
  attributes.set(name, readAttribute(file, part));
}

/**
 * The first field, as every exporter writes it; or any, where the attribute is small. A second name would count for the runtime: small
 * attributes with two are refused here, and no upload may have any field twice.
 */
function nameOf(file: WireFile, field: WireField): string {
  const isLarge = field.end - field.start > mostUnnamedBytes;
  let name: string | undefined;
  for (const part of file.message(field)) {
    const isName = part.number === attribute.name;
    if (isName && name !== undefined) throw new UnreadableModel('one of its attributes has two names');
    if (isName) name = file.text(part);
    if (!isLarge) continue;
    if (name !== undefined) return name;
    throw new UnreadableModel('one of its attributes does not begin with its name');
  }
  return name ?? '';
}

function readAttribute(file: WireFile, field: WireField): Attribute {
  const ints: number[] = [];
  let [int, count, text] = [0, 0, ''];
  let tensor: GraphTensor | undefined;
  for (const part of file.message(field)) {
    if (part.number === attribute.int) int = file.integer(part);
    else if (part.number === attribute.text) text = file.text(part);
    // Parsers would merge the two.
    else if (part.number === attribute.tensor && tensor !== undefined)
      throw new UnreadableModel('one of its attributes has two tensors');
    else if (part.number === attribute.tensor) tensor = readTensor(file, part);
    else if (part.number === attribute.ints) for (const value of file.integers(part)) ints.push(value);
    else if (part.number === attribute.floats)
      count += part.wireType === 2 ? Math.floor((part.end - part.start) / 4) : 1;
    else if (part.number === attribute.strings) count += 1;
    if (ints.length > mostValues) throw new UnreadableModel('one of its attributes has too many values');
  }
  return { int, ints, text, tensor, count: count + ints.length };
}
