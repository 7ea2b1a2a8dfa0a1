import { checkOperatorSet, domainOf } from '../operators.ts';
import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import { GraphRule } from './graph-rule.ts';
import type { MessageRule } from './message-rule.ts';
import { MetadataRule } from './metadata-rule.ts';

/** IR versions that the runtime accepts; files below 3 lack fields that the rules check. */
const irVersions = { min: 3, max: 13 };

/** Rule for ModelProto: supported versions, one version per imported domain, exactly one graph. */
export class ModelRule implements MessageRule {
  readonly #context: ScanContext;
  readonly opsets = new Map<string, number>();
  #irVersion = 0;
  #graph: GraphRule | undefined;

  constructor(context: ScanContext) {
    this.#context = context;
  }

  get irVersion(): number {
    return this.#irVersion;
  }

  number(field: string, value: number): void {
    if (field !== 'ir_version') return;
    this.#irVersion = value;
    this.#checkIrVersion();
  }

  enter(field: string): MessageRule {
    if (field === 'opset_import') return new OperatorSetRule((domain, version) => this.#import(domain, version));
    if (field !== 'graph') return new MetadataRule(this.#context);
    this.#graph = new GraphRule(this.#context, 1, (id) => this.#refuseCapture(id));
    return this.#graph;
  }

  end(): void {
    this.#checkIrVersion();
    if (this.#graph === undefined) refuse('malformed_model', 'The model has no graph.');
    for (const domain of this.#context.usedDomains)
      if (!this.opsets.has(domain)) refuse('malformed_model', `The model does not import the operator set ${domain}.`);
    if (this.opsets.size === 0) refuse('malformed_model', 'The model imports no operator set.');
  }

  /** Inputs and outputs of the graph; call it after the end of the model. */
  ports(): { inputs: string[]; outputs: string[] } {
    return this.#graph!.ports();
  }

  #checkIrVersion(): void {
    const { min, max } = irVersions;
    if (this.#irVersion < min || this.#irVersion > max)
      refuse('unsupported_model', `The model has the IR version ${this.#irVersion}; ${min} to ${max} are supported.`);
  }

  #import(domain: string, version: number): void {
    checkOperatorSet(domain, version);
    // skl2onnx imports the same set twice; two different versions would be ambiguous.
    const other = this.opsets.get(domain);
    if (other !== undefined && other !== version)
      refuse('malformed_model', `The model imports two versions of ${domain}, ${other} and ${version}.`);
    this.opsets.set(domain, version);
  }

  #refuseCapture(id: number): never {
    const name = quote(this.#context.names.textOf(id));
    refuse('malformed_model', `The value ${name} is used but never defined.`);
  }
}

/** Rule for OperatorSetIdProto. */
class OperatorSetRule implements MessageRule {
  readonly #found: (domain: string, version: number) => void;
  #domain = '';
  #version = 0;

  constructor(found: (domain: string, version: number) => void) {
    this.#found = found;
  }

  text(_field: string, value: string): void {
    this.#domain = value;
  }

  number(_field: string, value: number): void {
    this.#version = value;
  }

  end(): void {
    this.#found(domainOf(this.#domain), this.#version);
  }
}
