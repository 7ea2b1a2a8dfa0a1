import { yieldToEventLoop } from '../../http/event-loop.ts';
import { UnreadableModel, type WireField, type WireFile } from '../model-files/wire-file.ts';
import type { GraphNode, GraphPort, GraphTensor, OnnxGraph } from './graph.ts';
import { domainOf, readNode } from './read-node.ts';
import { readTensor } from './read-tensor.ts';

/** Field numbers of ModelProto, OperatorSetIdProto, GraphProto, and the path to the shape in ValueInfoProto. */
const model = { graph: 7, operatorSet: 8, functions: 25 };
const operatorSet = { domain: 1, version: 2 };
const graph = { node: 1, constant: 5, input: 11, output: 12, sparse: 15 };
const port = { name: 1, type: 2, tensorType: 1, shape: 2, dimension: 1, size: 1, param: 2 };

const maxParts = 200_000;
/** Approximate number of fields read per turn of the event loop. */
const fieldsPerTurn = 5_000;

/**
 * Reads the parts of an ONNX file that the proof needs, yielding to the event loop.
 * @throws {UnreadableModel} if the file is malformed, exceeds a limit, or has functions or sparse tensors, which no rule supports
 */
export async function readGraph(file: WireFile): Promise<OnnxGraph> {
  const operatorSets = new Map<string, number>();
  let found: WireField | undefined;
  for (const part of file.read(0, file.size)) {
    if (part.number === model.functions) throw new UnreadableModel('it defines its own functions');
    if (part.number === model.operatorSet) addOperatorSet(file, part, operatorSets);
    // Parsers would merge two graphs.
    if (part.number === model.graph && found !== undefined) throw new UnreadableModel('it has two graphs');
    if (part.number === model.graph) found = part;
  }
  if (found === undefined) throw new UnreadableModel('it has no graph');
  const nodes: GraphNode[] = [];
  const constants: GraphTensor[] = [];
  const inputs: GraphPort[] = [];
  const outputs: GraphPort[] = [];
  file.fields = 0;
  let [inTurn, parts] = [0, 0];
  for (const part of file.message(found)) {
    if (part.number === graph.node) nodes.push(readNode(file, part));
    else if (part.number === graph.constant) constants.push(readTensor(file, part));
    else if (part.number === graph.input) inputs.push(readPort(file, part));
    else if (part.number === graph.output) outputs.push(readPort(file, part));
    else if (part.number === graph.sparse) throw new UnreadableModel('it has sparse tensors');
    parts += 1;
    if (parts > maxParts) throw new UnreadableModel('its graph is too large');
    inTurn += file.fields;
    file.fields = 0;
    if (inTurn < fieldsPerTurn) continue;
    inTurn = 0;
    await yieldToEventLoop();
  }
  return { operatorSets, inputs, outputs, constants, nodes };
}

function addOperatorSet(file: WireFile, field: WireField, operatorSets: Map<string, number>): void {
  let [domain, version] = ['', 0];
  for (const part of file.message(field)) {
    if (part.number === operatorSet.domain) domain = file.text(part);
    else if (part.number === operatorSet.version) version = file.integer(part);
  }
  const known = operatorSets.get(domainOf(domain));
  if (known !== undefined && known !== version) throw new UnreadableModel('it imports two versions of an operator set');
  operatorSets.set(domainOf(domain), version);
}

function readPort(file: WireFile, field: WireField): GraphPort {
  let name = '';
  for (const part of file.message(field)) if (part.number === port.name) name = file.text(part);
  const shape = inner(file, field, [port.type, port.tensorType, port.shape]);
  return { name, sizes: shape && readShape(file, shape) };
}

/** Returns the embedded message at a path of field numbers. */
function inner(file: WireFile, within: WireField, [number, ...more]: readonly number[]): WireField | undefined {
  let found: WireField | undefined;
  for (const part of file.message(within)) {
    if (part.number !== number) continue;
    if (found !== undefined) throw new UnreadableModel('an input or output has two types');
    found = part;
  }
  return found === undefined || more.length === 0 ? found : inner(file, found, more);
}

/** The runtime treats a size of 0 or below as dynamic. */
function readShape(file: WireFile, shape: WireField): (number | undefined)[] {
  const sizes: (number | undefined)[] = [];
  for (const dimension of file.message(shape)) {
    if (dimension.number !== port.dimension) continue;
    let size: number | undefined;
    for (const part of file.message(dimension)) {
      if (part.number === port.size) size = file.integer(part) > 0 ? part.value : undefined;
      if (part.number === port.param) size = undefined;
    }
    sizes.push(size);
  }
  return sizes;
}
