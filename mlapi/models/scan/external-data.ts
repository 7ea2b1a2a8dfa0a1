import { isDataFileName, maxDataFiles } from './data-file-names.ts';
import type { MessageRule } from './rules/message-rule.ts';
import type { ScanContext } from './scan-context.ts';
import { quote, refuse } from './scan-refusals.ts';

/** The files beside the model file in which its tensors store their data. */
export class ExternalFiles {
  readonly #mayBe: boolean;
  /** End offset of the data that tensors read, by file name. */
  readonly ends = new Map<string, number>();

  /** @param mayBe whether other files are uploaded with the model */
  constructor(mayBe: boolean) {
    this.#mayBe = mayBe;
  }

  /** Called when a tensor refers to external data. @throws {Problem} 422 `external_data` if none may be uploaded */
  refuseIfAlone(): void {
    if (!this.#mayBe)
      refuse(
        'external_data',
        'A tensor has external data: send a form with the model as part "model" and that file as part "data", or save the weights inside the model file.',
      );
  }

  add(name: string, end: number): void {
    this.ends.set(name, Math.max(this.ends.get(name) ?? 0, end));
    if (this.ends.size > maxDataFiles)
      refuse('model_too_complex', `The model has more than ${maxDataFiles} files of external data; save it with one.`);
  }
}

const inFile = 1;
const numberOfBytes = /^\d{1,15}$/;
/** Checksums are ignored, because whole files are hashed. */
const keys: readonly string[] = ['location', 'offset', 'length', 'checksum'];

/** Reference of a tensor to its external data. */
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

  /**
   * Checks the reference and records the end of its data.
   * @param bytes size required by the tensor's shape
   * @param shown quoted name of the tensor
   */
  take(bytes: number, shown: string): void {
    const { location = '', offset = '0', length = String(bytes) } = Object.fromEntries(this.#entries);
    const refuseIt = (what: string) => refuse('external_data', `The tensor ${shown} ${what}.`);
    if (this.#location !== inFile) refuseIt('refers to external data but its data_location is not EXTERNAL');
    if (!isDataFileName(location))
      refuseIt('has external data whose location is not a plain file name; save the model again');
    if (!numberOfBytes.test(offset) || !numberOfBytes.test(length))
      refuseIt('has external data with an invalid offset or length');
    if (Number(length) !== bytes) refuseIt(`has external data of ${length} bytes, but its shape needs ${bytes}`);
    this.#context.external.add(location, Number(offset) + bytes);
  }

  #add(key: string, text: string): void {
    if (!keys.includes(key))
      refuse('external_data', `The external data of a tensor has the unknown key ${quote(key)}.`);
    if (this.#entries.has(key)) refuse('external_data', `The external data of a tensor repeats the key ${key}.`);
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
