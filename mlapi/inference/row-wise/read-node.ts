import { UnreadableModel, type WireField, type WireFile } from '../model-files/wire-file.ts';
import type { Attribute, GraphNode, GraphTensor } from './graph.ts';
import { readTensor } from './read-tensor.ts';

/** Field numbers of NodeProto and AttributeProto. */
const node = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 };
const attribute = { name: 1, int: 3, text: 4, tensor: 5, floats: 7, ints: 8, strings: 9, type: 20, reference: 21 };
/** AttributeProto.AttributeType: it decides which field holds the value. */
const types = { float: 1, int: 2, text: 3, tensor: 4, floats: 6, ints: 7, strings: 8 };

/** Attributes that rules use, with their type. Others are skipped: those of a tree ensemble hold millions of values. */
const wanted: ReadonlyMap<string, number> = new Map(
  Object.entries({
    int: 'allowzero axis k keepdims n_targets noop_with_empty_axes targets training_mode transA transB value_int',
    ints: 'axes ends pads perm split starts value_ints',
    tensor: 'value',
    float: 'value_float',
    floats: 'value_floats',
    text: 'mode value_string',
    strings: 'value_strings',
  } satisfies Record<keyof typeof types, string>).flatMap(([type, names]) =>
    names.split(' ').map((name): [string, number] => [name, types[type as keyof typeof types]]),
  ),
);

/** An attribute that does not begin with its name is read up to this size. */
const maxUnnamedBytes = 65_536;
const maxValues = 4_096;
const maxNames = 10_000;

/** The standard domain has two names. */
export function domainOf(name: string): string {
  return name === '' ? 'ai.onnx' : name;
}

/** Reads a NodeProto. @throws {UnreadableModel} */
export function readNode(file: WireFile, field: WireField): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let [name, operator, domain] = ['', '', ''];
  let attributeCount = 0;
  for (const part of file.message(field)) {
    if (part.number === node.attribute) attributeCount += 1;
    if (part.number === node.input) inputs.push(file.text(part));
    else if (part.number === node.output) outputs.push(file.text(part));
    else if (part.number === node.name) name = file.text(part);
    else if (part.number === node.operator) operator = file.text(part);
    else if (part.number === node.domain) domain = file.text(part);
    else if (part.number === node.attribute) addAttribute(file, part, attributes);
  }
  if (inputs.length + outputs.length > maxNames) throw new UnreadableModel('a node has too many inputs and outputs');
  // The runtime uses the first attribute by its type, whatever its name.
  if (operator === 'Constant' && attributeCount !== 1)
    throw new UnreadableModel('a Constant node does not have exactly one attribute');
  return { name, operator, domain: domainOf(domain), inputs, outputs, attributes };
}

function addAttribute(file: WireFile, part: WireField, attributes: Map<string, Attribute>): void {
  const name = nameOf(file, part);
  const wantedType = wanted.get(name);
  if (wantedType === undefined) return;
  if (attributes.has(name)) throw new UnreadableModel(`a node repeats the attribute ${name}`);
  const { type, ...read } = readAttribute(file, part);
  if (type === wantedType) attributes.set(name, read);
  // Pad has a float attribute of this name, which no rule uses.
  else if (name !== 'value') throw new UnreadableModel(`a node has the attribute ${name} with an unexpected type`);
}

/**
 * Returns the name of an attribute: its first field, as every exporter writes it, or any field of a small attribute. The runtime would use
 * a second name, so small attributes with two are rejected here; the upload scan rejects repeated fields altogether.
 */
function nameOf(file: WireFile, field: WireField): string {
  const isLarge = field.end - field.start > maxUnnamedBytes;
  let name: string | undefined;
  for (const part of file.message(field)) {
    const isName = part.number === attribute.name;
    if (isName && name !== undefined) throw new UnreadableModel('an attribute has two names');
    if (isName) name = file.text(part);
    if (!isLarge) continue;
    if (name !== undefined) return name;
    throw new UnreadableModel('a large attribute does not begin with its name');
  }
  return name ?? '';
}

function readAttribute(file: WireFile, field: WireField): Attribute & { readonly type: number } {
  const ints: number[] = [];
  let [type, int, count, text] = [0, 0, 0, ''];
  let tensor: GraphTensor | undefined;
  for (const part of file.message(field)) {
    if (part.number === attribute.reference) throw new UnreadableModel('an attribute refers to one of a function');
    if (part.number === attribute.type) type = file.integer(part);
    else if (part.number === attribute.int) int = file.integer(part);
    else if (part.number === attribute.text) text = file.text(part);
    // Parsers would merge two tensors.
    else if (part.number === attribute.tensor && tensor !== undefined)
      throw new UnreadableModel('an attribute has two tensors');
    else if (part.number === attribute.tensor) tensor = readTensor(file, part);
    else if (part.number === attribute.ints) for (const value of file.integers(part)) ints.push(value);
    else if (part.number === attribute.floats)
      count += part.wireType === 2 ? Math.floor((part.end - part.start) / 4) : 1;
    else if (part.number === attribute.strings) count += 1;
    if (ints.length > maxValues) throw new UnreadableModel('an attribute has too many values');
  }
  return { type, int, ints, text, tensor, count: count + ints.length };
}
