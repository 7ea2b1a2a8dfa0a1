import { explainForeignFile, signatureBytes } from '../../http/body/file-signature.ts';
import { Problem } from '../../http/problem.ts';
import { ExternalFiles } from './external-data.ts';
import { ModelRule } from './rules/model-rule.ts';
import { ValueNames } from './scan-context.ts';
import { scanLimits, Tally, type ScanLimits } from './scan-limits.ts';
import { refuse } from './scan-refusals.ts';
import { WireReader } from './wire-reader.ts';

/** Summary of a file that passed. */
export interface OnnxSummary {
  readonly bytes: number;
  readonly irVersion: number;
  /** Version by domain; the standard's is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** With those of the sub-graphs. */
  readonly nodes: number;
  readonly initializers: number;
  /** Size of all tensors, as their shapes declare it. */
  readonly tensorBytes: number;
  /** Inputs of the model's graph, without those that have a default value (an initializer). */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Looks at an ONNX file before anything loads it, while it is being uploaded: fed in any pieces, it refuses at the first
 * byte that shows a reason, with a `Problem` of status 422. It keeps names and counts, but no tensor, and its time
 * grows with the bytes alone. What passes is well-formed and bounded, and uses only operators of the list; what those
 * compute is bounded elsewhere, by the process that runs them.
 * For the event loop: a piece of 4 KiB takes a millisecond at the very worst, one of a tensor's values nothing.
 */
export class OnnxScan {
  readonly #tally: Tally;
  readonly #model: ModelRule;
  readonly #reader: WireReader;
  readonly #usedDomains = new Set<string>();
  readonly #external: ExternalFiles;
  /** The first bytes, until there are enough to recognise other formats by. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #bytes = 0;
  #refusal: Problem | undefined;

  /** @param hasDataFiles whether the model may keep data in files that come beside it: `dataFiles` says in which */
  constructor({ hasDataFiles = false, limits = scanLimits }: { hasDataFiles?: boolean; limits?: ScanLimits } = {}) {
    this.#tally = new Tally(limits);
    const names = new ValueNames(this.#tally);
    this.#external = new ExternalFiles(hasDataFiles);
    const context = { tally: this.#tally, names, usedDomains: this.#usedDomains, external: this.#external };
    this.#model = new ModelRule(context);
    this.#reader = new WireReader(this.#model, this.#tally);
  }

  /** The other files that the model needs; by name, the byte behind the last one that it reads. Whole at the end. */
  get dataFiles(): ReadonlyMap<string, number> {
    return this.#external.ends;
  }

  /** The next bytes of the file; they may be changed afterwards. */
  write(chunk: Buffer): void {
    this.#guard(() => {
      const { maxFileBytes } = this.#tally.limits;
      this.#bytes += chunk.length;
      if (this.#bytes > maxFileBytes) refuse('model_too_large', `The model is larger than ${maxFileBytes} bytes.`);
      if (this.#head === undefined) this.#reader.write(chunk);
      else {
        this.#head = Buffer.concat([this.#head, chunk]);
        if (this.#head.length >= signatureBytes) this.#readHead(this.#head);
      }
    });
  }

  /** The file is complete. */
  end(): OnnxSummary {
    return this.#guard(() => {
      if (this.#head !== undefined) this.#readHead(this.#head);
      this.#reader.end();
      return {
        bytes: this.#bytes,
        irVersion: this.#model.irVersion,
        opsets: Object.fromEntries(this.#model.opsets),
        nodes: this.#tally.nodes.sum,
        initializers: this.#tally.initializers.sum,
        tensorBytes: this.#tally.tensorBytes.sum,
        ...this.#model.ports(),
      };
    });
  }

  #readHead(head: Buffer): void {
    this.#head = undefined;
    const reason = explainForeignFile(head.subarray(0, signatureBytes));
    if (reason !== undefined) refuse('not_onnx', reason);
    this.#reader.write(head);
  }

  /** After a refusal, every further step is refused, too. */
  #guard<T>(step: () => T): T {
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      return step();
    } catch (error) {
      if (error instanceof Problem) this.#refusal = error;
      throw error;
    }
  }
}
