import type { Contract } from './contract/types.ts';
import type { Matrix, ModelMetadata, TensorInput } from './tensors/types.ts';

/** Inputs of the warm-up: two different rows, or tensors. */
export type Probe =
  { readonly sample: Matrix; readonly other: Matrix } | { readonly sample: TensorInput; readonly other?: undefined };

/** A model and what its file and folder say about it. */
export interface KnownModel {
  readonly path: string;
  readonly metadata: ModelMetadata;
  readonly contract: Contract;
  readonly outputName: string;
  readonly probe: Probe;
}
