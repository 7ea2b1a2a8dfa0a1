import type { GraphNode } from './graph.ts';
import { NotRowWise, type Constant, type Rows, type RowVector, type Value } from './values.ts';

export type ProvedValue = Exclude<Value, { kind: 'unproved' }>;

/**
 * Derives an operator's outputs from its inputs. Outputs that it does not return are unproved.
 * @throws {NotRowWise}
 */
export type Rule = (call: OperatorCall) => ProvedValue | readonly ProvedValue[];

/** One node with the values of its inputs, as rules query them. */
export class OperatorCall {
  /** Version of the node's operator set. */
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

  /** Whether all inputs are constant; then so are the outputs. */
  get isConstant(): boolean {
    return this.inputs.every((value) => value === undefined || value.kind === 'constant');
  }

  /** Returns a required input. @throws {NotRowWise} */
  value(at: number): ProvedValue {
    const value = this.inputs[at];
    if (value === undefined) throw new NotRowWise(`input ${at} is missing`);
    return value;
  }

  /**
   * Returns an input that must have the rows on axis 0.
   * @param rank required rank, if given
   * @throws {NotRowWise}
   */
  rows(at: number, rank?: number): Rows {
    const value = this.value(at);
    if (value.kind !== 'rows') throw new NotRowWise(`input ${at} does not have the rows on axis 0`);
    if (rank !== undefined && value.sizes.length !== rank) throw new NotRowWise(`input ${at} is not of rank ${rank}`);
    return value;
  }

  /** Returns an input that must be constant. @throws {NotRowWise} */
  constant(at: number): Constant {
    const value = this.value(at);
    if (value.kind !== 'constant') throw new NotRowWise(`input ${at} is not constant`);
    return value;
  }

  /** Requires all inputs from `at` on to be constant or absent. @throws {NotRowWise} */
  constantsFrom(at: number): void {
    for (let index = at; index < this.inputs.length; index += 1)
      if (this.inputs[index] !== undefined) this.constant(index);
  }

  /** Returns the values of a constant input. @throws {NotRowWise} if they are unknown */
  numbers(at: number): readonly number[] {
    const { numbers } = this.constant(at);
    if (numbers === undefined) throw new NotRowWise(`the values of input ${at} are not known`);
    return numbers;
  }

  /** Returns an integer attribute, or `usual` without it. */
  int(name: string, usual: number): number {
    return this.#node.attributes.get(name)?.int ?? usual;
  }

  /** Returns a list of integers; undefined without the attribute. */
  ints(name: string): readonly number[] | undefined {
    return this.#node.attributes.get(name)?.ints;
  }

  attribute(name: string) {
    return this.#node.attributes.get(name);
  }

  /** Returns values that newer operator sets take as an input and older ones as an attribute; undefined without both. */
  listed(at: number, name: string): readonly number[] | undefined {
    if (this.inputs[at] !== undefined) return this.numbers(at);
    return this.ints(name);
  }
}

/** Returns the index of an axis; negative axes count from the end. @throws {NotRowWise} */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) throw new NotRowWise(`there is no axis ${axis}`);
  return counted;
}

/** Like `axisOf`, for an operator that must not work along the row axis. @throws {NotRowWise} */
export function featureAxis(axis: number, rank: number): number {
  const counted = axisOf(axis, rank);
  if (counted === 0) throw new NotRowWise('it works along axis 0, the row axis');
  return counted;
}

export function isRows(value: ProvedValue | undefined): value is Rows {
  return value?.kind === 'rows';
}

export function isRowVector(value: ProvedValue | undefined): value is RowVector {
  return value?.kind === 'row-vector';
}
