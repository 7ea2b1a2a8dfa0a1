import { mostOutputBytes } from './output-size.ts';
import type { ModelFacts } from './model-facts.ts';
import type { OutputTensor, RunInput, RunOutput } from './types.ts';

/** The output that the contract reads, and the others where they are wanted, too. */
export interface WantedOutputs {
  readonly outputName: string;
  readonly others?: readonly string[] | undefined;
}

/** What a child process is told: first which model, then one run after the other. */
export type ParentMessage =
  | { readonly type: 'load'; readonly path: string; readonly sha256: string | undefined }
  | ({ readonly type: 'run' } & WantedOutputs & { readonly input: RunInput });

/** What it says: that it is ready, or why not; then one answer for each run. */
export type ChildMessage =
  | { readonly type: 'ready'; readonly facts: ModelFacts; readonly rssBytes: number }
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'answered'; readonly output: RunOutput; readonly rssBytes: number }
  | { readonly type: 'refused'; readonly message: string; readonly cause: string };

/** Most that a child may say at once: outputs of the largest size, and what stands around them. */
export const mostChildBytes = mostOutputBytes + 1_048_576;
/** Where a child finds the pipe to its parent. */
export const pipeDescriptor = 3;

const mostDimensions = 64;

/** Whether what a child answered is an output: its process may be in the hands of whoever made the model. */
export function isRunOutput(output: RunOutput | undefined): boolean {
  return isOutput(output) && (output?.others ?? []).every(isOutput);
}

function isOutput(output: OutputTensor | undefined): boolean {
  const { data, shape } = output ?? {};
  if (!Array.isArray(shape) || shape.length > mostDimensions || typeof data !== 'object') return false;
  let count = 1;
  for (const size of shape as unknown[]) {
    if (!Number.isSafeInteger(size) || (size as number) < 0) return false;
    count *= size as number;
  }
  if (data.length !== count) return false;
  return ArrayBuffer.isView(data) || (Array.isArray(data) && data.every((text) => typeof text === 'string'));
}
