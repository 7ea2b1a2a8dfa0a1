import type { ModelFacts } from './model-facts.ts';
import type { RunInput, RunOutput } from './types.ts';

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
