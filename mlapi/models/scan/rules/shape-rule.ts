import type { ScanContext } from '../scan-context.ts';
import { refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';

const smallestElementBits = 2;

/** The sizes of a tensor, multiplied as they come: never further than the limit, so nothing can overflow. */
export class Shape {
  readonly #context: ScanContext;
  /** Zeros left out, or one would hide the others. */
  #product = 1;
  #hasZero = false;
  #rank = 0;

  constructor(context: ScanContext) {
    this.#context = context;
  }

  /** `undefined` is a size that is left open. */
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

  /** The bytes of a tensor of the shape, refused over the limit also where a zero makes it empty. */
  bytesOf(bits: number, limit = this.#context.tally.limits.maxTensorBytes): number {
    if (this.#product * bits > limit * 8)
      refuse('model_too_large', `A tensor has a shape of more than ${limit} bytes.`);
    return Math.ceil((this.elements * bits) / 8);
  }
}

/** A TensorShapeProto: fixed sizes and open ones. */
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
    if (this.#isNamed && this.#size !== undefined) refuse('malformed_model', 'A dimension has a size and a name.');
    // Old exporters write an open size so, and the runtime reads it so.
    this.#shape.add(this.#size === -1 ? undefined : this.#size);
  }
}
