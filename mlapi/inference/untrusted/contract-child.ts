/** Program of a child process: reads the contract of one model folder for its parent, then is killed. */
import '../../sandbox/lower-priority.ts';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeDescriptor } from '../execution/child-messages.ts';
import { readContract } from '../contract/contract.ts';
import { MessagePipe } from '../../sandbox/message-pipe.ts';
import type { ModelMetadata } from '../tensors/types.ts';
import { proveRowWise, type RowWiseProof } from '../row-wise/prove.ts';
import type { Contract } from '../contract/types.ts';

export interface ContractQuestion {
  readonly folder: string;
  readonly input: Pick<ModelMetadata, 'inputType' | 'width'>;
  /** Outputs of the folder's model file, if there is one. This process never loads that file, so its report on the graph can be trusted. */
  readonly outputs: readonly string[] | undefined;
}

export type ContractResponse =
  { readonly contract: Contract; readonly rowWise: RowWiseProof | undefined } | { readonly reason: string };

/** File names that the parts of an upload get. The contract's own names for them are ignored, because the uploader chose them. */
const files = { encoding: 'encoding.csv', sample: 'sample.json' };

async function answer({ folder, input, outputs }: ContractQuestion): Promise<ContractResponse> {
  try {
    const contract = readContract(folder, input, files);
    return { contract, rowWise: outputs && (await proveRowWise(`${folder}/model.onnx`, outputs)) };
  } catch (error) {
    const missing = missingPart(folder, error);
    if (missing !== undefined)
      return {
        reason: `${files[missing]}: file not found: put it in the folder, or send it as the part "${missing}"`,
      };
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Returns the form part whose file was not found. */
function missingPart(folder: string, error: unknown): keyof typeof files | undefined {
  const { code, path } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  if (code !== 'ENOENT') return undefined;
  return (['encoding', 'sample'] as const).find((part) => path === join(folder, files[part]));
}

const parent = new MessagePipe(new Socket({ fd: pipeDescriptor }), {
  maxBytes: Infinity,
  onMessage: (question) => void answer(question as ContractQuestion).then((said) => parent.send(said)),
  onClose: () => process.exit(0),
});
