import { checkOperator, domainOf } from '../operators.ts';
import type { ScanContext } from '../scan-context.ts';
import { refuse } from '../scan-refusals.ts';
import { AttributeRule } from './attribute-rule.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';

/** The graph around a node. */
export interface Scope {
  use(id: number): void;
  make(id: number): void;
}

/** Rule for NodeProto: a listed operator with unique attribute names. */
export class NodeRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #depth: number;
  readonly #scope: Scope;
  /** Registered at the end: neither the node nor its subgraphs may use its outputs. */
  readonly #outputs: number[] = [];
  readonly #attributes: string[] = [];
  #name = '';
  #operator = '';
  #domain = '';

  constructor(context: ScanContext, depth: number, scope: Scope) {
    context.tally.nodes.add();
    this.#context = context;
    this.#depth = depth;
    this.#scope = scope;
  }

  text(field: string, value: string): void {
    // An empty name means that an optional input or output is absent.
    if (field === 'input') {
      if (value !== '') this.#scope.use(this.#context.names.idOf(value));
    } else if (field === 'output') {
      if (value !== '') this.#outputs.push(this.#context.names.idOf(value));
    } else if (field === 'name') this.#name = value;
    else if (field === 'op_type') this.#operator = value;
    else if (field === 'domain') this.#domain = value;
  }

  enter(field: string): MessageRule {
    if (field !== 'attribute') return new MetadataRule(this.#context);
    const { tally } = this.#context;
    return new AttributeRule(this.#context, this.#depth, {
      name: (name) => this.#addAttribute(name, tally.limits.maxAttributesPerNode),
      capture: (id) => this.#scope.use(id),
    });
  }

  end(): void {
    const domain = domainOf(this.#domain);
    checkOperator(domain, this.#operator, this.#name);
    this.#context.usedDomains.add(domain);
    for (const id of this.#outputs) this.#scope.make(id);
  }

  #addAttribute(name: string, limit: number): void {
    if (this.#attributes.includes(name)) refuse('malformed_model', 'A node repeats an attribute.');
    if (this.#attributes.push(name) > limit) refuse('model_too_complex', `A node has more than ${limit} attributes.`);
  }
}
