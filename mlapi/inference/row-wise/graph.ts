/** A tensor of the file. Values are kept for small tensors only. */
export interface GraphTensor {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Its values if there are at most 64 and they are numeric; otherwise undefined. */
  readonly numbers: readonly number[] | undefined;
}

/** An attribute of a node; only the kinds of value that rules use. */
export interface Attribute {
  readonly int: number;
  readonly ints: readonly number[];
  readonly text: string;
  readonly tensor: GraphTensor | undefined;
  /** Number of values of a list of any type. */
  readonly count: number;
}

export interface GraphNode {
  readonly name: string;
  /** `ai.onnx` for standard operators. */
  readonly domain: string;
  readonly operator: string;
  /** An empty name means that the input is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The attributes that rules use. */
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** An input or output of the graph. A size is undefined if it is dynamic; `sizes` is undefined without a shape. */
export interface GraphPort {
  readonly name: string;
  readonly sizes: readonly (number | undefined)[] | undefined;
}

/** The parts of an ONNX file that the proof needs. */
export interface OnnxGraph {
  /** Version by domain. */
  readonly operatorSets: ReadonlyMap<string, number>;
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  readonly constants: readonly GraphTensor[];
  /** In file order, which is a topological order. */
  readonly nodes: readonly GraphNode[];
}
