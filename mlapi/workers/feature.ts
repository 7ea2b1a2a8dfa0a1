import type { Feature } from '../http/feature.ts';
import { workersVariables } from './variables.ts';

/** Several processes that serve, and one that supervises them. */
export const workers = {
  variables: workersVariables,
  run: async () => (await import('./run-workers.ts')).runWorkers,
} satisfies Feature;
