import type { Config } from '../../config/config.ts';

/** One small model; less would hold none. */
const leastBytes = 268_435_456;

/** A worker's part of the memory for uploaded models: an equal one, but room for one model in any case. No single model gets more. */
export function workerMemory({ modelsMemoryBytes, workers }: Pick<Config, 'modelsMemoryBytes' | 'workers'>): number {
  return Math.max(leastBytes, Math.floor(modelsMemoryBytes / workers));
}

/** Returns the memory that the process of one model may take, in bytes. */
export function modelMemory(config: Pick<Config, 'modelMemoryBytes' | 'modelsMemoryBytes' | 'workers'>): number {
  return Math.min(config.modelMemoryBytes, workerMemory(config));
}
