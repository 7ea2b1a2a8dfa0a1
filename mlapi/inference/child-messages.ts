import type { ModelFacts } from './model-facts.ts';
import type { InputData, OutputTensor } from './types.ts';

/** What a child process is told: first which model, then one run after the other. */
export type ParentMessage =
  | { readonly type: 'load'; readonly path: string; readonly sha256: string | undefined }
  | {
      readonly type: 'run';
      readonly outputName: string;
      readonly data: InputData;
      readonly rows: number;
      readonly width: number;
    };

/** What it says: that it is ready, or why not; then one answer for each run. */
export type ChildMessage =
  | { readonly type: 'ready'; readonly facts: ModelFacts; readonly rssBytes: number }
  | { readonly type: 'unusable'; readonly reason: string }
  | { readonly type: 'answered'; readonly output: OutputTensor; readonly rssBytes: number }
  | { readonly type: 'refused'; readonly message: string; readonly cause: string };
