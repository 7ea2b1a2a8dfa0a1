import { refuse, type ScanCode } from './scan-refusals.ts';

const mebibyte = 1024 * 1024;

/** Limits of one model file. */
export interface ScanLimits {
  readonly maxFileBytes: number;
  /** All tensors together, as declared by their shapes; also each fixed shape alone. */
  readonly maxTensorBytes: number;
  /** Including those of subgraphs, like all limits below. */
  readonly maxNodes: number;
  readonly maxInitializers: number;
  readonly maxInputs: number;
  readonly maxOutputs: number;
  readonly maxAttributesPerNode: number;
  /** Distinct names of values, and uses of them. */
  readonly maxNames: number;
  readonly maxNameUses: number;
  readonly maxNameBytes: number;
  /** Per documentation string or metadata value; and the total, including names. */
  readonly maxTextBytes: number;
  readonly maxTotalTextBytes: number;
  readonly maxMetadataEntries: number;
  /** Strings in tensors and attributes: an empty one takes two bytes in the file and many in memory. */
  readonly maxStrings: number;
  /** Messages of all kinds: an empty one takes two bytes in the file and about a hundred in memory. */
  readonly maxMessages: number;
  readonly maxMessageDepth: number;
  readonly maxGraphDepth: number;
  /** Values that a subgraph uses from outside. */
  readonly maxCapturesPerGraph: number;
  readonly maxRank: number;
}

/** Generous for models that are trained and served on one machine. */
export const scanLimits: ScanLimits = Object.freeze({
  maxFileBytes: 512 * mebibyte,
  maxTensorBytes: 512 * mebibyte,
  maxNodes: 50_000,
  maxInitializers: 20_000,
  maxInputs: 4_096,
  maxOutputs: 4_096,
  maxAttributesPerNode: 64,
  maxNames: 100_000,
  maxNameUses: 500_000,
  maxNameBytes: 1_024,
  maxTextBytes: mebibyte / 4,
  maxTotalTextBytes: 32 * mebibyte,
  maxMetadataEntries: 250_000,
  maxStrings: 5_000_000,
  maxMessages: 1_000_000,
  maxMessageDepth: 64,
  maxGraphDepth: 8,
  maxCapturesPerGraph: 10_000,
  maxRank: 32,
});

/** Counts one kind of element and rejects the file above a limit. */
class Counter {
  readonly #limit: number;
  readonly #noun: string;
  readonly #code: ScanCode;
  #sum = 0;

  constructor(limit: number, noun: string, code: ScanCode = 'model_too_complex') {
    this.#limit = limit;
    this.#noun = noun;
    this.#code = code;
  }

  get sum(): number {
    return this.#sum;
  }

  add(amount = 1): void {
    this.#sum += amount;
    if (this.#sum > this.#limit) refuse(this.#code, `The model has more than ${this.#limit} ${this.#noun}.`);
  }
}

/** Counts of the elements found so far. */
export class Tally {
  readonly limits: ScanLimits;
  readonly tensorBytes: Counter;
  readonly nodes: Counter;
  readonly initializers: Counter;
  readonly inputs: Counter;
  readonly outputs: Counter;
  readonly names: Counter;
  readonly nameUses: Counter;
  readonly textBytes: Counter;
  readonly metadataEntries: Counter;
  readonly strings: Counter;
  readonly messages: Counter;

  constructor(limits: ScanLimits) {
    this.limits = limits;
    this.tensorBytes = new Counter(limits.maxTensorBytes, 'bytes of tensors', 'model_too_large');
    this.nodes = new Counter(limits.maxNodes, 'nodes');
    this.initializers = new Counter(limits.maxInitializers, 'initializers');
    this.inputs = new Counter(limits.maxInputs, 'graph inputs');
    this.outputs = new Counter(limits.maxOutputs, 'graph outputs');
    this.names = new Counter(limits.maxNames, 'names of values');
    this.nameUses = new Counter(limits.maxNameUses, 'uses of names');
    this.textBytes = new Counter(limits.maxTotalTextBytes, 'bytes of names, documentation and metadata');
    this.metadataEntries = new Counter(limits.maxMetadataEntries, 'metadata entries');
    this.strings = new Counter(limits.maxStrings, 'strings in tensors and attributes');
    this.messages = new Counter(limits.maxMessages, 'parts');
  }
}
