import { isDataFileName, maxDataFiles } from './data-file-names.ts';
import type { MessageRule } from './rules/message-rule.ts';
import type { ScanContext } from './scan-context.ts';
import { quote, refuse } from './scan-refusals.ts';

/** The files beside the model that its tensors keep their data in. */
export class ExternalFiles {
  readonly #mayBe: boolean;
  /** By name, the byte behind the last one that a tensor reads. */
  readonly ends = new Map<string, number>();

  /** @param mayBe whether other files come with the model */
  constructor(mayBe: boolean) {
    this.#mayBe = mayBe;
  }

  /** A tensor has, or may have, its data elsewhere. */
  refuseIfAlone(): void {
    if (!this.#mayBe)
      refuse(
        'external_data',
        'A tensor keeps its data in another file: send a form with the model as part "model" and that file as part "data", or save the model as one file, with the weights inside.',
      );
  }

  add(name: string, end: number): void {
    this.ends.set(name, Math.max(this.ends.get(name) ?? 0, end));
    if (this.ends.size > maxDataFiles)
      refuse('model_too_complex', `The model keeps its data in more than ${maxDataFiles} files; save it with one.`);
  }
}

const inFile = 1;
const numberOfBytes = /^\d{1,15}$/;
/** A checksum is not needed: the whole file has a digest. */
const keys: readonly string[] = ['location', 'offset', 'length', 'checksum'];

/** Reference of one tensor to its data in another file. */
export class ExternalPlace {
  readonly #context: ScanContext;
  readonly #entries = new Map<string, string>();
  #location = 0;

  constructor(context: ScanContext) {
    this.#context = context;
  }

  /** TensorProto.DataLocation */
  locate(location: number): void {
    this.#location = location;
    if (location !== 0) this.#context.external.refuseIfAlone();
  }

  entry(): MessageRule {
    this.#context.external.refuseIfAlone();
    return new EntryRule(this.#context, (key, text) => this.#add(key, text));
  }

  get isGiven(): boolean {
    return this.#location !== 0 || this.#entries.size > 0;
  }

  /** Where the tensor's data end is noted. @param bytes what its shape needs @param shown the tensor's name, quoted */
  take(bytes: number, shown: string): void {
    const { location = '', offset = '0', length = String(bytes) } = Object.fromEntries(this.#entries);
    const refuseIt = (what: string) => refuse('external_data', `The tensor ${shown} ${what}.`);
    if (this.#location !== inFile) refuseIt('names another file, but does not say that its data lies there');
    if (!isDataFileName(location)) refuseIt('keeps its data in no plain file name; save the model and its data again');
    if (!numberOfBytes.test(offset) || !numberOfBytes.test(length))
      refuseIt('has data at an offset, or of a length, that is no number of bytes');
    if (Number(length) !== bytes) refuseIt(`has data of ${length} bytes, but a shape for ${bytes}`);
    this.#context.external.add(location, Number(offset) + bytes);
  }

  #add(key: string, text: string): void {
    if (!keys.includes(key)) refuse('external_data', `A tensor’s data in another file has the key ${quote(key)}.`);
    if (this.#entries.has(key)) refuse('external_data', `A tensor’s data in another file has ${key} twice.`);
    this.#entries.set(key, text);
  }
}

/** A StringStringEntryProto. */
class EntryRule implements MessageRule {
  readonly #found: (key: string, text: string) => void;
  #key = '';
  #value = '';

  constructor(context: ScanContext, found: (key: string, text: string) => void) {
    context.tally.metadataEntries.add();
    this.#found = found;
  }

  text(field: string, value: string): void {
    if (field === 'key') this.#key = value;
    else this.#value = value;
  }

  end(): void {
    this.#found(this.#key, this.#value);
  }
}
