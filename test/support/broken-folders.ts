import { expect } from '@jest/globals';
import { ModelRegistry } from '../../mlapi/inference/model-registry.ts';
import { contractOf, writeModelFolders, type ModelFolder } from './model-folders.ts';
import { identityModel, type ElementType } from './onnx-builder.ts';

export const number = (name: string, more: object = {}) => ({ name, type: 'number', ...more });
export const category = (name: string, more: object = {}) => ({ name, type: 'category', ...more });

/** A valid folder: a model that returns its two numbers. */
export const good = {
  onnx: identityModel(2),
  contract: contractOf('m', [number('a'), number('b')]),
};

/** `good` with other fields in its contract. */
export function withContract(more: object): ModelFolder {
  return { ...good, contract: { ...good.contract, ...more } };
}

/** `good` with another second feature, and its encoding. */
export function withFeature(feature: object, encoding?: string, type?: ElementType): ModelFolder {
  const more = encoding === undefined ? {} : { encoding: 'encoding.csv' };
  const contract = contractOf('m', [number('a'), feature], more);
  return { onnx: identityModel(2, type), contract, ...(encoding !== undefined && { encoding }) };
}

/** @returns the error of a start with these folders, without the path of the folder around them */
export async function refusal(models: Readonly<Record<string, ModelFolder>>, defaultModel?: string): Promise<string> {
  const modelsDir = writeModelFolders(models);
  const error = await ModelRegistry.load({
    modelsDir,
    defaultModel,
    maxRows: 10,
    processes: 1,
    predictTimeoutMs: 10_000,
  }).then(
    () => undefined,
    (cause: unknown) => cause as Error,
  );
  expect(error?.name).toBe('ModelFolderError');
  return error!.message.replaceAll(modelsDir, '');
}
