import type { Feature } from '../http/feature.ts';
import { modelStoreScopes } from './scopes.ts';
import { modelStoreVariables } from './variables.ts';

/** Models that clients upload: versions, aliases, traffic. */
export const modelStore = {
  variables: modelStoreVariables,
  scopes: modelStoreScopes,
  tags: { 'model store': 'Uploaded versions and their aliases' },
  migrations: async () => (await import('./migrations.ts')).modelStoreMigrations,
  commands: async () => (await import('./commands/store-commands.ts')).modelStoreCommands,
  open: async () => (await import('./open-model-store.ts')).openModelStore,
} satisfies Feature;
