import { elementTypes, stringType } from '../element-types.ts';
import { ExternalPlace } from '../external-data.ts';
import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';
import { Shape } from './shape-rule.ts';

/** Rule for TensorProto: its shape must match the values that are present, in the file or as external data. */
export class TensorRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #found: (name: string) => void;
  readonly #canBeExternal: boolean;
  readonly #shape: Shape;
  readonly #external: ExternalPlace;
  #name = '';
  #type = 0;
  #rawBytes: number | undefined;
  /** The field with the values if they are not raw, and their number. */
  #field: string | undefined;
  #entries = 0;

  /** @param canBeExternal true for initializers of the main graph only: the runtime supports external data for no other tensor */
  constructor(context: ScanContext, found: (name: string) => void, canBeExternal = false) {
    this.#context = context;
    this.#found = found;
    this.#canBeExternal = canBeExternal;
    this.#shape = new Shape(context);
    this.#external = new ExternalPlace(context);
  }

  number(field: string, value: number): void {
    if (field === 'dims') this.#shape.add(value);
    else if (field === 'data_type') this.#type = value;
    else this.#external.locate(value);
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

  enter(field: string): MessageRule {
    if (field === 'external_data') return this.#external.entry();
    return new MetadataRule(this.#context);
  }

  end(): void {
    const type = elementTypes.get(this.#type);
    if (type === undefined)
      refuse('unsupported_model', `The tensor ${quote(this.#name)} has an unsupported element type.`);
    const bytes = this.#shape.bytesOf(type.bits);
    this.#context.tally.tensorBytes.add(bytes);
    if (this.#external.isGiven) this.#checkExternal(bytes);
    else if (this.#rawBytes === undefined)
      this.#checkEntries(type.field, Math.ceil(this.#shape.elements / type.perEntry));
    else if (this.#field !== undefined) this.#refuse('has both raw and typed values');
    else if (this.#type === stringType) this.#refuse('has strings as raw bytes');
    else if (this.#rawBytes !== bytes) this.#refuse(`has ${this.#rawBytes} bytes, but its shape needs ${bytes}`);
    this.#found(this.#name);
  }

  #checkExternal(bytes: number): void {
    const shown = quote(this.#name);
    if (!this.#canBeExternal)
      refuse(
        'external_data',
        `The tensor ${shown} is not an initializer of the main graph: save its data in the model file.`,
      );
    if (this.#rawBytes !== undefined || this.#field !== undefined)
      this.#refuse('has values both in the model file and outside');
    if (this.#type === stringType) this.#refuse('has strings as external data');
    this.#external.take(bytes, shown);
  }

  #checkEntries(field: string, expected: number): void {
    if (this.#field !== undefined && this.#field !== field) this.#refuse('has values of another type than declared');
    if (this.#entries !== expected) this.#refuse(`has ${this.#entries} values, but its shape needs ${expected}`);
  }

  #refuse(what: string): never {
    refuse('malformed_model', `The tensor ${quote(this.#name)} ${what}.`);
  }
}
