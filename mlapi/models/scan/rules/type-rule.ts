import { elementTypes } from '../element-types.ts';
import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';
import { Shape, ShapeRule } from './shape-rule.ts';

/** Rule for TypeProto, also inside sequences and maps: at most one type, a known element type, a bounded shape. */
class TypeRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #found: (shape?: Shape) => void;
  #types = 0;

  constructor(context: ScanContext, found: (shape?: Shape) => void) {
    this.#context = context;
    this.#found = found;
  }

  number(_field: string, value: number): void {
    checkElementType(value);
  }

  enter(field: string): MessageRule {
    if (++this.#types > 1) refuse('malformed_model', 'A value has two types.');
    if (field === 'tensor_type') return new TensorTypeRule(this.#context, this.#found);
    return new TypeRule(this.#context, () => this.#found());
  }
}

class TensorTypeRule implements MessageRule {
  readonly #shape: Shape;
  readonly #found: (shape: Shape) => void;
  #type = 0;

  constructor(context: ScanContext, found: (shape: Shape) => void) {
    this.#shape = new Shape(context);
    this.#found = found;
  }

  number(_field: string, value: number): void {
    this.#type = value;
  }

  enter(): MessageRule {
    return new ShapeRule(this.#shape);
  }

  end(): void {
    checkElementType(this.#type);
    this.#shape.bytesOf(elementTypes.get(this.#type)?.bits ?? 1);
    this.#found(this.#shape);
  }
}

/** 0 leaves the type open, as some exporters do inside graphs. */
function checkElementType(type: number): void {
  if (type !== 0 && !elementTypes.has(type))
    refuse('unsupported_model', `A value has the element type ${type}, which is not supported.`);
}

/** Rule for a TypeProto as an attribute. */
export function attributeType(context: ScanContext): MessageRule {
  return new TypeRule(context, () => undefined);
}

/** Content of a ValueInfoProto: an input, an output or an intermediate value. */
export interface ValueInfo {
  readonly name: string;
  readonly hasType: boolean;
  /** Whether it has a fixed dimension of zero: no row fits. */
  readonly isEmpty: boolean;
}

/** Rule for ValueInfoProto: a name and usually a type. */
export class ValueInfoRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #found: (value: ValueInfo) => void;
  #name = '';
  #hasType = false;
  #isEmpty = false;

  constructor(context: ScanContext, found: (value: ValueInfo) => void) {
    this.#context = context;
    this.#found = found;
  }

  text(field: string, value: string): void {
    if (field === 'name') this.#name = value;
  }

  enter(field: string): MessageRule {
    if (field !== 'type') return new MetadataRule(this.#context);
    return new TypeRule(this.#context, (shape) => {
      this.#hasType = true;
      this.#isEmpty = shape?.hasZero ?? false;
    });
  }

  end(): void {
    if (this.#name === '') refuse('malformed_model', 'An input, an output or another value has no name.');
    this.#found({ name: this.#name, hasType: this.#hasType, isEmpty: this.#isEmpty });
  }
}

/** @throws {Problem} 422 for a model input that no row could be given to */
export function checkInput({ name, hasType, isEmpty }: ValueInfo): void {
  if (!hasType) refuse('malformed_model', `The input ${quote(name)} has no type.`);
  if (isEmpty) refuse('unsupported_model', `The input ${quote(name)} has a dimension of zero, so that no row fits.`);
}
