import { elementTypes, stringType } from './element-types.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';
import type { ScanContext } from './scan-context.ts';
import { quote, refuse } from './scan-refusals.ts';
import { Shape } from './shape-rule.ts';

/** A TensorProto: its shape must be that of the values that are really there, all of them in the file. */
export class TensorRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #found: (name: string) => void;
  readonly #shape: Shape;
  #name = '';
  #type = 0;
  #rawBytes: number | undefined;
  /** The field with the values, where they are not raw, and how many they are. */
  #field: string | undefined;
  #entries = 0;

  constructor(context: ScanContext, found: (name: string) => void) {
    this.#context = context;
    this.#found = found;
    this.#shape = new Shape(context);
  }

  number(field: string, value: number): void {
    if (field === 'dims') this.#shape.add(value);
    else if (field === 'data_type') this.#type = value;
    else if (value !== 0) refuse('external_data', `The tensor ${quote(this.#name)} says that its data lies elsewhere.`);
  }

  text(field: string, value: string): void {
    if (field === 'name') this.#name = value;
  }

  bytes(field: string, length: number): void {
    if (field === 'raw_data') this.#rawBytes = length;
    else {
      this.#context.tally.strings.add();
      this.count(field, 1);
    }
  }

  count(field: string, values: number): void {
    if (this.#field !== undefined && this.#field !== field) this.#refuse('has values of two types');
    this.#field = field;
    this.#entries += values;
  }

  enter(): MessageRule {
    return new MetadataRule(this.#context);
  }

  end(): void {
    const type = elementTypes.get(this.#type);
    if (type === undefined)
      refuse('unsupported_model', `The tensor ${quote(this.#name)} has an element type that is not served.`);
    const bytes = this.#shape.bytesOf(type.bits);
    this.#context.tally.tensorBytes.add(bytes);
    if (this.#rawBytes === undefined) this.#checkEntries(type.field, Math.ceil(this.#shape.elements / type.perEntry));
    else if (this.#field !== undefined) this.#refuse('has its values twice');
    else if (this.#type === stringType) this.#refuse('has strings as raw bytes');
    else if (this.#rawBytes !== bytes) this.#refuse(`has ${this.#rawBytes} bytes, but a shape for ${bytes}`);
    this.#found(this.#name);
  }

  #checkEntries(field: string, expected: number): void {
    if (this.#field !== undefined && this.#field !== field) this.#refuse('has values of another type than it says');
    if (this.#entries !== expected) this.#refuse(`has ${this.#entries} values, but a shape for ${expected}`);
  }

  #refuse(what: string): never {
    refuse('malformed_model', `The tensor ${quote(this.#name)} ${what}.`);
  }
}
