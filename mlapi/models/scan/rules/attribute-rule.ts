import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import { GraphRule } from './graph-rule.ts';
import type { MessageRule } from './message-rule.ts';
import { TensorRule } from './tensor-rule.ts';
import { attributeType } from './type-rule.ts';

/** The field that holds an attribute's value, by AttributeProto.AttributeType. */
const valueFields: ReadonlyMap<number, string> = new Map([
  [1, 'f'],
  [2, 'i'],
  [3, 's'],
  [4, 't'],
  [5, 'g'],
  [6, 'floats'],
  [7, 'ints'],
  [8, 'strings'],
  [9, 'tensors'],
  [10, 'graphs'],
  [13, 'tp'],
  [14, 'type_protos'],
]);

/** Types without a default: their message must be present. */
const needed: ReadonlySet<string> = new Set(['t', 'g', 'tp']);

interface Found {
  readonly name: (name: string) => void;
  /** Called for a value that a subgraph uses from outside. */
  readonly capture: (id: number) => void;
}

/** Rule for AttributeProto: exactly one value, of the declared type. */
export class AttributeRule implements MessageRule {
  readonly #context: ScanContext;
  readonly #depth: number;
  readonly #found: Found;
  #name = '';
  #type = 0;
  #field: string | undefined;

  constructor(context: ScanContext, depth: number, found: Found) {
    this.#context = context;
    this.#depth = depth;
    this.#found = found;
  }

  text(field: string, value: string): void {
    if (field === 'name') this.#name = value;
  }

  number(_field: string, value: number): void {
    this.#type = value;
  }

  count(field: string): void {
    this.#take(field);
  }

  bytes(field: string): void {
    this.#context.tally.strings.add();
    this.#take(field);
  }

  enter(field: string): MessageRule {
    this.#take(field);
    if (field === 't' || field === 'tensors') return new TensorRule(this.#context, () => undefined);
    if (field === 'g' || field === 'graphs') return new GraphRule(this.#context, this.#depth + 1, this.#found.capture);
    return attributeType(this.#context);
  }

  end(): void {
    if (this.#name === '') refuse('malformed_model', 'A node has an attribute without a name.');
    const expected = valueFields.get(this.#type);
    if (expected === undefined) this.#refuse('has an unknown type');
    if (this.#field !== expected && (this.#field !== undefined || needed.has(expected)))
      this.#refuse('has a value of another type than declared');
    this.#found.name(this.#name);
  }

  #take(field: string): void {
    if (this.#field !== undefined && this.#field !== field) this.#refuse('has two values');
    this.#field = field;
  }

  #refuse(what: string): never {
    refuse('malformed_model', `The attribute ${quote(this.#name)} of a node ${what}.`);
  }
}
