import { explainForeignFile, signatureBytes } from '../../http/body/file-signature.ts';
import { Problem } from '../../http/problem.ts';
import { ExternalFiles } from './external-data.ts';
import { ModelRule } from './rules/model-rule.ts';
import { ValueNames } from './scan-context.ts';
import { scanLimits, Tally, type ScanLimits } from './scan-limits.ts';
import { refuse } from './scan-refusals.ts';
import { WireReader } from './wire-reader.ts';

/** Summary of an accepted file. */
export interface OnnxSummary {
  readonly bytes: number;
  readonly irVersion: number;
  /** Version by domain; the standard domain is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Includes those of subgraphs. */
  readonly nodes: number;
  readonly initializers: number;
  /** Size of all tensors as declared by their shapes, in bytes. */
  readonly tensorBytes: number;
  /** Inputs of the graph without those that have a default value (an initializer). */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Scans an ONNX file while it is uploaded, before anything loads it. Accepts chunks of any size and throws a `Problem` with status 422 at
 * the first byte that is not allowed. Keeps names and counts but no tensors; runs in linear time. An accepted file is well-formed and
 * bounded and uses only listed operators. What those compute is limited by the process that runs them. A chunk of 4 KiB blocks the event
 * loop for at most a millisecond; tensor values are skipped.
 */
export class OnnxScan {
  readonly #tally: Tally;
  readonly #model: ModelRule;
  readonly #reader: WireReader;
  readonly #usedDomains = new Set<string>();
  readonly #external: ExternalFiles;
  /** The first bytes, until there are enough to recognise other formats. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #bytes = 0;
  #refusal: Problem | undefined;

  /** @param hasDataFiles whether files of external data may be uploaded with the model; `dataFiles` then lists them */
  constructor({ hasDataFiles = false, limits = scanLimits }: { hasDataFiles?: boolean; limits?: ScanLimits } = {}) {
    this.#tally = new Tally(limits);
    const names = new ValueNames(this.#tally);
    this.#external = new ExternalFiles(hasDataFiles);
    const context = { tally: this.#tally, names, usedDomains: this.#usedDomains, external: this.#external };
    this.#model = new ModelRule(context);
    this.#reader = new WireReader(this.#model, this.#tally);
  }

  /** Files of external data that the model needs: end offset of the data it reads, by name. Complete after `end`. */
  get dataFiles(): ReadonlyMap<string, number> {
    return this.#external.ends;
  }

  /** Scans the next bytes. The chunk may be reused afterwards. @throws {Problem} 422 */
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

  /** Ends the scan. @throws {Problem} 422 */
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

  /** After a rejection, every further step throws the same error. */
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
