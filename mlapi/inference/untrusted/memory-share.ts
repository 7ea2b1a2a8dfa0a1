/** Enough for one small model, in bytes. */
const leastBytes = 268_435_456;

/** Memory limits of uploaded models, in bytes. */
export interface ModelMemoryConfig {
  /** Per process. */
  readonly modelMemoryBytes: number;
  /** All of them together, on this machine. */
  readonly modelsMemoryBytes: number;
  /** Server processes that share the machine; default: 1. */
  readonly processes?: number;
}

/**
 * A server process's share of the memory for uploaded models, in bytes: an equal part, but at least room for one small model. No single
 * model gets more.
 */
export function memoryShare({ modelsMemoryBytes, processes = 1 }: Omit<ModelMemoryConfig, 'modelMemoryBytes'>): number {
  return Math.max(leastBytes, Math.floor(modelsMemoryBytes / processes));
}

/** Returns the memory limit of one model's process, in bytes. */
export function modelMemory(config: ModelMemoryConfig): number {
  return Math.min(config.modelMemoryBytes, memoryShare(config));
}
