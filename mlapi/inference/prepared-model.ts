import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../http/problem.ts';
import type { Batcher } from './batcher.ts';
import { readContract } from './contract.ts';
import { chooseOutput, type ModelFacts } from './model-facts.ts';
import { ModelWrapper } from './model-wrapper.ts';
import { measureInline, openBatcher, openChildBatcher, type EngineOptions, type KnownModel } from './open-batcher.ts';
import { otherRow } from './other-row.ts';
import { Preprocessor } from './preprocessor.ts';
import { sampleTensors } from './sample-tensors.ts';
import { ModelFolderError, type Contract } from './types.ts';

/** A model that can be started: what is known of it is read and checked. */
export interface PreparedModel extends KnownModel {
  /** Undefined for a model that takes no rows. */
  readonly preprocessor: Preprocessor | undefined;
  /** The file to mend, if it cannot serve. */
  readonly blamed: string;
  /** Whether answers say by their digest which file gave them. */
  readonly saysDigest: boolean;
  /** Starts what computes. */
  open(options: EngineOptions): Promise<Batcher>;
}

/** The first half of a folder's start, which is for one model at a time. @throws {ModelFolderError} */
export async function prepareModel(folder: string, options: EngineOptions): Promise<PreparedModel> {
  const path = join(folder, 'model.onnx');
  const contractPath = join(folder, 'model.json');
  const wrapper = await ModelWrapper.load(path);
  const { facts } = wrapper;
  const contract = readContract(folder, facts);
  const blamed = existsSync(contractPath) ? contractPath : path;
  try {
    const model = { ...describeModel({ path, facts, contract }, options), wrapper };
    const inline = await measureInline(model, options);
    return { ...model, blamed, saysDigest: false, open: (later) => openBatcher(model, later, inline) };
  } catch (cause) {
    throw refuseModel(blamed, cause);
  }
}

/** A model that is never loaded in this process: what it is was found out in another one. @throws {ModelFolderError} */
export function prepareForeign(
  known: { path: string; facts: ModelFacts; contract: Contract },
  options: EngineOptions,
): PreparedModel {
  try {
    const model = describeModel(known, options);
    return { ...model, blamed: known.path, saysDigest: true, open: (later) => openChildBatcher(model, later) };
  } catch (cause) {
    throw refuseModel(known.path, cause);
  }
}

/** What follows from a model's contract and from what it says of itself. */
function describeModel(
  { path, facts, contract }: { path: string; facts: ModelFacts; contract: Contract },
  { maxRows }: EngineOptions,
): KnownModel & Pick<PreparedModel, 'preprocessor'> {
  if (facts.inputType === undefined || contract.features.length === 0) {
    const outputName = facts.outputs[0]?.name;
    if (outputName === undefined) throw new Error('the model has no output that is a tensor');
    return {
      path,
      facts,
      contract,
      outputName,
      probe: { sample: sampleTensors(facts, contract) },
      preprocessor: undefined,
    };
  }
  const outputName = chooseOutput(facts, contract.output.tensor);
  const preprocessor = new Preprocessor(contract.features, facts.inputType, maxRows);
  const sample = preprocessor.preprocess(contract.sample);
  const other = preprocessor.preprocess(otherRow(contract));
  return { path, facts, contract, outputName, probe: { sample, other }, preprocessor };
}

/** What stops the start. */
export function refuseModel(blamed: string, cause: unknown): ModelFolderError {
  if (cause instanceof ModelFolderError) return cause;
  if (cause instanceof Problem) return new ModelFolderError(blamed, describeRefusal(cause), { cause });
  return ModelFolderError.of(blamed, cause);
}

function describeRefusal({ message, errors = [] }: Problem): string {
  const cells = errors.map(({ pointer, detail }) => ` ${pointer} ${detail}.`).join('');
  return `the model cannot compute its sample: ${message}${cells}`;
}
