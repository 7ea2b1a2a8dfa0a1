/** Enough for one small model, in bytes. */
const leastBytes = 268_435_456;

/** Memory limits of uploaded models, in bytes. */
export interface ModelMemoryConfig {
  /** Per process. */
  readonly modelMemoryBytes: number;
  /** All processes of all workers together. */
  readonly modelsMemoryBytes: number;
  readonly workers?: number;
}

/**
 * A worker's share of the memory for uploaded models, in bytes: an equal part, but at least room for one small model. No single model gets
 * more.
 */
export function workerMemory({ modelsMemoryBytes, workers = 1 }: Omit<ModelMemoryConfig, 'modelMemoryBytes'>): number {
  return Math.max(leastBytes, Math.floor(modelsMemoryBytes / workers));
}

/** Returns the memory limit of one model's process, in bytes. */
export function modelMemory(config: ModelMemoryConfig): number {
  return Math.min(config.modelMemoryBytes, workerMemory(config));
}
