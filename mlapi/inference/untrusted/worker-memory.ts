/** One small model; less would hold none. */
const leastBytes = 268_435_456;

/** Memory that uploaded models may take, in bytes. */
export interface ModelMemoryConfig {
  /** Each process. */
  readonly modelMemoryBytes: number;
  /** All processes of all workers together. */
  readonly modelsMemoryBytes: number;
  readonly workers?: number;
}

/** A worker's part of the memory for uploaded models: an equal one, but room for one model in any case. No single model gets more. */
export function workerMemory({ modelsMemoryBytes, workers = 1 }: Omit<ModelMemoryConfig, 'modelMemoryBytes'>): number {
  return Math.max(leastBytes, Math.floor(modelsMemoryBytes / workers));
}

/** Returns the memory that the process of one model may take, in bytes. */
export function modelMemory(config: ModelMemoryConfig): number {
  return Math.min(config.modelMemoryBytes, workerMemory(config));
}
