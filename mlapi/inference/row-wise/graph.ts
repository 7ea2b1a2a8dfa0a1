/** A tensor of a file, without its values but for a few small ones. */
export interface GraphTensor {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Its values, where it has at most 64 and they are numbers; undefined otherwise. */
  readonly numbers: readonly number[] | undefined;
}

/** An attribute of a node: its value, by the kinds that rules ask for. */
export interface Attribute {
  readonly int: number;
  readonly ints: readonly number[];
  readonly text: string;
  readonly tensor: GraphTensor | undefined;
  /** How many values a list of any kind has. */
  readonly count: number;
}

export interface GraphNode {
  readonly name: string;
  /** `ai.onnx` for the standard's. */
  readonly domain: string;
  readonly operator: string;
  /** An empty name stands for an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Those that rules may ask for. */
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** An input or output of the graph. A size is undefined where it is left open; all are, where there is no shape. */
export interface GraphPort {
  readonly name: string;
  readonly sizes: readonly (number | undefined)[] | undefined;
}

/** Parts of an ONNX file that a proof needs. */
export interface OnnxGraph {
  /** Version by domain. */
  readonly operatorSets: ReadonlyMap<string, number>;
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  readonly constants: readonly GraphTensor[];
  /** In the order of the file, which is one in which they can be computed. */
  readonly nodes: readonly GraphNode[];
}
