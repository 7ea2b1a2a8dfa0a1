import type { ScanContext } from '../scan-context.ts';
import { refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';

const smallestElementBits = 2;

/** Multiplies the dimensions of a tensor while they arrive, never beyond the limit, so that nothing overflows. */
export class Shape {
  readonly #context: ScanContext;
  /** Zeros are left out of the product: one zero would hide the other dimensions. */
  #product = 1;
  #hasZero = false;
  #rank = 0;

  constructor(context: ScanContext) {
    this.#context = context;
  }

  /** `undefined` is a dynamic dimension. */
  add(size: number | undefined): void {
    const { maxRank, maxTensorBytes } = this.#context.tally.limits;
    if (++this.#rank > maxRank) refuse('model_too_complex', `A tensor has more than ${maxRank} dimensions.`);
    if (size === undefined) return;
    if (size < 0) refuse('malformed_model', 'A tensor has a negative dimension.');
    if (size === 0) this.#hasZero = true;
    else this.#product *= size;
    this.bytesOf(smallestElementBits, maxTensorBytes);
  }

  get hasZero(): boolean {
    return this.#hasZero;
  }

  get elements(): number {
    return this.#hasZero ? 0 : this.#product;
  }

  /** Bytes of a tensor with this shape. @throws {Problem} 422 above the limit, even if a zero makes the tensor empty */
  bytesOf(bits: number, limit = this.#context.tally.limits.maxTensorBytes): number {
    if (this.#product * bits > limit * 8)
      refuse('model_too_large', `The shape of a tensor needs more than ${limit} bytes.`);
    return Math.ceil((this.elements * bits) / 8);
  }
}

/** Rule for TensorShapeProto: fixed and dynamic dimensions. */
export class ShapeRule implements MessageRule {
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  enter(): MessageRule {
    return new DimensionRule(this.#shape);
  }
}

class DimensionRule implements MessageRule {
  readonly #shape: Shape;
  #size: number | undefined;
  #isNamed = false;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  number(_field: string, value: number): void {
    this.#size = value;
  }

  text(field: string): void {
    if (field === 'dim_param') this.#isNamed = true;
  }

  end(): void {
    if (this.#isNamed && this.#size !== undefined) refuse('malformed_model', 'A dimension has both a size and a name.');
    // Old exporters write -1 for a dynamic dimension, and the runtime accepts it.
    this.#shape.add(this.#size === -1 ? undefined : this.#size);
  }
}
