import type { GraphNode } from './graph.ts';
import { NotRowWise, type Constant, type Rows, type RowVector, type Value } from './values.ts';

export type ProvedValue = Exclude<Value, { kind: 'unproved' }>;

/**
 * A rule derives an operator's outputs from its inputs, in their order; outputs that it leaves out are unproved.
 * @throws {NotRowWise}
 */
export type Rule = (call: OperatorCall) => ProvedValue | readonly ProvedValue[];

/** One node with the values of its inputs, as a rule asks for them. */
export class OperatorCall {
  /** The version of the node's operator set. */
  readonly version: number;
  readonly inputs: readonly (ProvedValue | undefined)[];
  readonly #node: GraphNode;

  constructor(node: GraphNode, version: number, inputs: readonly (ProvedValue | undefined)[]) {
    this.#node = node;
    this.version = version;
    this.inputs = inputs;
  }

  get outputCount(): number {
    return this.#node.outputs.length;
  }

  /** Whether all inputs are constants, and so are the outputs. */
  get isConstant(): boolean {
    return this.inputs.every((value) => value === undefined || value.kind === 'constant');
  }

  /** An input that must be there. */
  value(at: number): ProvedValue {
    const value = this.inputs[at];
    if (value === undefined) throw new NotRowWise(`input ${at} is missing`);
    return value;
  }

  /** An input that must be rows. @param rank that it must have; without it, any */
  rows(at: number, rank?: number): Rows {
    const value = this.value(at);
    if (value.kind !== 'rows') throw new NotRowWise(`input ${at} does not have the rows on axis 0`);
    if (rank !== undefined && value.sizes.length !== rank) throw new NotRowWise(`input ${at} is not of rank ${rank}`);
    return value;
  }

  /** An input that must be constant. */
  constant(at: number): Constant {
    const value = this.value(at);
    if (value.kind !== 'constant') throw new NotRowWise(`input ${at} is not constant`);
    return value;
  }

  /** All inputs from one on must be constant, or left out. */
  constantsFrom(at: number): void {
    for (let index = at; index < this.inputs.length; index += 1)
      if (this.inputs[index] !== undefined) this.constant(index);
  }

  /** The values of an input, which must be known. */
  numbers(at: number): readonly number[] {
    const { numbers } = this.constant(at);
    if (numbers === undefined) throw new NotRowWise(`the values of input ${at} are not known`);
    return numbers;
  }

  /** An integer attribute. */
  int(name: string, usual: number): number {
    return this.#node.attributes.get(name)?.int ?? usual;
  }

  /** A list of integers; undefined where the node has no such attribute. */
  ints(name: string): readonly number[] | undefined {
    return this.#node.attributes.get(name)?.ints;
  }

  attribute(name: string) {
    return this.#node.attributes.get(name);
  }

  /** Values that newer operator sets take from an input, and older ones from an attribute; undefined where neither is there. */
  listed(at: number, name: string): readonly number[] | undefined {
    if (this.inputs[at] !== undefined) return this.numbers(at);
    return this.ints(name);
  }
}

/** An axis of a value of some rank, counted from its begin. */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) throw new NotRowWise(`there is no axis ${axis}`);
  return counted;
}

/** The same where it must not be the axis of the rows. */
export function featureAxis(axis: number, rank: number): number {
  const counted = axisOf(axis, rank);
  if (counted === 0) throw new NotRowWise('it works along axis 0, where the rows are');
  return counted;
}

export function isRows(value: ProvedValue | undefined): value is Rows {
  return value?.kind === 'rows';
}

export function isRowVector(value: ProvedValue | undefined): value is RowVector {
  return value?.kind === 'row-vector';
}
