import type { Feature } from '../http/feature.ts';
import { modelStoreVariables } from './variables.ts';

/** Models that clients bring over the API: versions, aliases, traffic. */
export const modelStore = {
  variables: modelStoreVariables,
  migrations: async () => (await import('./migrations.ts')).modelStoreMigrations,
  open: async () => (await import('./open-model-store.ts')).openModelStore,
} satisfies Feature;
