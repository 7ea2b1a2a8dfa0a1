import type { Contract } from '../contract/types.ts';
import { rowWiseVerdict, type RowWiseVerdict } from '../row-wise/verdict.ts';
import type { ModelFile, ModelMetadata, TensorInfo } from '../tensors/types.ts';

/** Returns what clients may know about a model. */
export function modelInformation(contract: Contract, metadata: ModelMetadata): ModelInformation {
  const { name, version, description, features, output, metrics, sample } = contract;
  const { sha256, files, inputs, outputs, platform = 'onnx_onnxv1' } = metadata;
  const classes = output.labels ?? [];
  const identity = { name, version, description, platform, sha256, ...(files !== undefined && { files }) };
  const verdict = rowWiseVerdict({ contract, metadata });
  return { ...identity, inputs, outputs, features, classes, metrics, sample, ...verdict };
}

export interface ModelInformation
  extends
    Omit<Contract, 'output' | 'batching' | 'executor' | 'reference' | 'remote' | 'sampleRequest'>,
    RowWiseVerdict {
  readonly platform: string;
  /** SHA-256 over all files of the model. */
  readonly sha256: string;
  /** With external data: all files of the model. */
  readonly files?: readonly ModelFile[];
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly classes: readonly (string | number)[];
}

/** Fingerprint of the encoding: equal for models that encode the same rows to the same numbers. */
export function encodingOf({ features }: Contract, { inputs }: ModelMetadata): string {
  const told = features.map(({ description: _description, unit: _unit, ...rules }) => rules);
  return JSON.stringify([inputs.map(({ datatype }) => datatype), told]);
}
