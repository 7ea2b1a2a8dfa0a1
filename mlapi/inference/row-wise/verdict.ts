import type { Contract } from '../contract/types.ts';
import { chooseOutput } from '../tensors/model-metadata.ts';
import type { ModelMetadata } from '../tensors/types.ts';

/** Whether requests may share a run: only if no row affects another row's output. */
export interface RowWiseVerdict {
  /** `proved` from the graph, `vouched` for by the operator, or `unproved`: then each request gets runs of its own. */
  readonly rowWise: 'proved' | 'vouched' | 'unproved';
  /** Reason for `unproved`: the operator and node where the proof failed. */
  readonly rowWiseReason?: string;
}

const unreadRemote = 'it runs on another server, so its graph cannot be read';
const unreadUpload = 'it was uploaded before this analysis existed: upload it as a new version';

interface Known {
  readonly contract: Pick<Contract, 'features' | 'output' | 'batching'>;
  readonly metadata: Pick<ModelMetadata, 'outputs' | 'inputType' | 'rowWise' | 'platform'>;
}

/** Returns the output that predictions come from; for a model that takes tensors, the first one. */
export function predictedOutput({ contract, metadata }: Known): string {
  const takesRows = metadata.inputType !== undefined && contract.features.length > 0;
  if (takesRows) return chooseOutput(metadata, contract.output.tensor);
  const name = metadata.outputs[0]?.name;
  if (name === undefined) throw new Error('the model has no output that is a tensor');
  return name;
}

/** Returns the verdict on the output that predictions come from. */
export function rowWiseVerdict(model: Known): RowWiseVerdict {
  return verdictOn(model, predictedOutput(model));
}

/** Whether runs may be shared by requests for predictions, and by requests for all outputs. */
export function mayShareRuns(model: Known): { readonly predicted: boolean; readonly all: boolean } {
  const isShared = (name: string) => verdictOn(model, name).rowWise !== 'unproved';
  const predicted = isShared(predictedOutput(model));
  return { predicted, all: predicted && model.metadata.outputs.every(({ name }) => isShared(name)) };
}

function whyUnread(platform: string | undefined): string {
  return platform === undefined ? unreadUpload : unreadRemote;
}

function verdictOn({ contract, metadata: { rowWise: proof = {}, platform } }: Known, output: string): RowWiseVerdict {
  const reason = Object.hasOwn(proof, output) ? proof[output] : whyUnread(platform);
  if (reason === null) return { rowWise: 'proved' };
  if (contract.batching.rowWise === true) return { rowWise: 'vouched' };
  return { rowWise: 'unproved', rowWiseReason: reason! };
}
