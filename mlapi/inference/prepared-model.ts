import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../http/problem.ts';
import { readContract } from './contract.ts';
import { ModelWrapper } from './model-wrapper.ts';
import { measureInline, type EngineOptions, type LoadedModel } from './open-batcher.ts';
import { otherRow } from './other-row.ts';
import { Preprocessor } from './preprocessor.ts';
import { ModelFolderError } from './types.ts';
import type { WarmUp } from './warm-up.ts';

/** A model folder that was read and measured; its model is loaded in this process. */
export interface PreparedModel extends LoadedModel {
  readonly preprocessor: Preprocessor;
  /** What its warm-up found, where it computes inline. */
  readonly inline: WarmUp | undefined;
  /** The file to mend, if it cannot serve. */
  readonly blamed: string;
}

/** The first half of a model's start, which is for one model at a time. @throws {ModelFolderError} */
export async function prepareModel(folder: string, options: EngineOptions): Promise<PreparedModel> {
  const path = join(folder, 'model.onnx');
  const contractPath = join(folder, 'model.json');
  const wrapper = await ModelWrapper.load(path);
  const contract = readContract(folder, wrapper.width);
  const blamed = existsSync(contractPath) ? contractPath : path;
  try {
    const outputName = wrapper.chooseOutput(contract.output.tensor);
    const preprocessor = new Preprocessor(contract.features, wrapper.inputType, options.maxRows);
    const sample = preprocessor.preprocess(contract.sample);
    const other = preprocessor.preprocess(otherRow(contract));
    const model = { path, wrapper, contract, outputName, sample, other };
    return { ...model, preprocessor, blamed, inline: await measureInline(model, options) };
  } catch (cause) {
    throw refuseModel(blamed, cause);
  }
}

/** What stops the start. */
export function refuseModel(blamed: string, cause: unknown): ModelFolderError {
  if (cause instanceof ModelFolderError) return cause;
  if (cause instanceof Problem) return new ModelFolderError(blamed, describeRefusal(cause), { cause });
  return ModelFolderError.of(blamed, cause);
}

function describeRefusal({ message, errors = [] }: Problem): string {
  const cells = errors.map(({ pointer, detail }) => ` ${pointer} ${detail}.`).join('');
  return `the model cannot predict its sample row: ${message}${cells}`;
}
