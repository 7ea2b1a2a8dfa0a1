import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';
import { NodeRule, type Scope } from './node-rule.ts';
import { TensorRule } from './tensor-rule.ts';
import { checkInput, ValueInfoRule } from './type-rule.ts';

/**
 * Rule for GraphProto: every value is produced once, and before it is used. So there are no cycles, and every output is produced. Checked
 * while nodes arrive, although inputs and initializers follow them: an unknown value counts as captured from outside until an input or
 * initializer defines it; the rest is looked up in the outer graph.
 */
export class GraphRule implements MessageRule, Scope {
  readonly #context: ScanContext;
  readonly #depth: number;
  readonly #capture: (id: number) => void;
  readonly #inputs = new Set<number>();
  readonly #outputs = new Set<number>();
  readonly #initializers = new Set<number>();
  /** Values produced by the nodes so far. */
  readonly #made = new Set<number>();
  readonly #captures = new Set<number>();

  constructor(context: ScanContext, depth: number, capture: (id: number) => void) {
    const { maxGraphDepth } = context.tally.limits;
    if (depth > maxGraphDepth)
      refuse('model_too_complex', `The model has graphs nested more than ${maxGraphDepth} levels deep.`);
    this.#context = context;
    this.#depth = depth;
    this.#capture = capture;
  }

  enter(field: string): MessageRule | undefined {
    switch (field) {
      case 'node':
        return new NodeRule(this.#context, this.#depth, this);
      case 'initializer':
        this.#context.tally.initializers.add();
        return new TensorRule(
          this.#context,
          (name) => this.#give(this.#initializers, name, 'initializer'),
          this.#depth === 1,
        );
      case 'input':
        this.#context.tally.inputs.add();
        return new ValueInfoRule(this.#context, (value) => {
          if (this.#depth === 1) checkInput(value);
          this.#give(this.#inputs, value.name, 'input');
        });
      case 'output':
        this.#context.tally.outputs.add();
        return new ValueInfoRule(this.#context, ({ name }) => void this.#addNew(this.#outputs, name, 'output'));
      case 'value_info':
        return new ValueInfoRule(this.#context, () => undefined);
      case 'metadata_props':
        return new MetadataRule(this.#context);
      default:
        return undefined;
    }
  }

  end(): void {
    for (const id of this.#outputs)
      if (!this.#made.has(id) && !this.#isGiven(id))
        refuse('malformed_model', `The output ${this.#shown(id)} is not produced by its graph.`);
    for (const id of this.#captures) this.#capture(id);
  }

  use(id: number): void {
    if (this.#made.has(id) || this.#isGiven(id)) return;
    const { maxCapturesPerGraph } = this.#context.tally.limits;
    // Each level passes all its captures on to the outer level.
    if (this.#captures.add(id).size > maxCapturesPerGraph && this.#depth > 1)
      refuse('model_too_complex', `A subgraph uses more than ${maxCapturesPerGraph} values from outside.`);
  }

  make(id: number): void {
    if (this.#made.has(id) || this.#isGiven(id))
      refuse('malformed_model', `The value ${this.#shown(id)} is produced twice.`);
    if (this.#captures.has(id))
      refuse('malformed_model', `The value ${this.#shown(id)} is used before it is produced; sort the nodes.`);
    this.#made.add(id);
  }

  /** Names of the inputs, without initializers, and of the outputs. */
  ports(): { inputs: string[]; outputs: string[] } {
    const { names } = this.#context;
    const inputs = [...this.#inputs].filter((id) => !this.#initializers.has(id));
    return { inputs: names.textsOf(inputs), outputs: names.textsOf(this.#outputs) };
  }

  // Old files list initializers among the inputs too.
  #isGiven(id: number): boolean {
    return this.#inputs.has(id) || this.#initializers.has(id);
  }

  #give(ids: Set<number>, name: string, what: string): void {
    const id = this.#addNew(ids, name, what);
    if (this.#made.has(id)) refuse('malformed_model', `The value ${quote(name)} is produced twice.`);
    this.#captures.delete(id);
  }

  #addNew(ids: Set<number>, name: string, what: string): number {
    if (name === '') refuse('malformed_model', `An ${what} has no name.`);
    const id = this.#context.names.idOf(name);
    if (ids.has(id)) refuse('malformed_model', `The ${what} ${quote(name)} is repeated.`);
    ids.add(id);
    return id;
  }

  #shown(id: number): string {
    return quote(this.#context.names.textOf(id));
  }
}
