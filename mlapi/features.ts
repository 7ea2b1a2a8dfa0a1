import type { Feature } from './http/feature.ts';
import { redisVariables } from './http/limits/redis-variables.ts';
import { remoteVariables } from './inference/remote/variables.ts';
import { modelStore } from './models/feature.ts';
import { oip } from './oip/feature.ts';
import type { Migrations } from './persistence/migrations.ts';
import { postgresVariables } from './persistence/postgres-variables.ts';
import { otlpVariables } from './telemetry/otlp/variables.ts';
import { workersVariables } from './workers/variables.ts';

/** The features beside the core, in the order in which they open. Without its line and its folder, one is gone. */
export const features = {
  workers: { variables: workersVariables },
  postgres: { variables: postgresVariables },
  redis: { variables: redisVariables },
  otlp: { variables: otlpVariables },
  remoteModels: { variables: remoteVariables },
  modelStore,
  oip,
};

const declared = Object.values<Feature>(features);

/** Migrations of the core and of all features, by name. */
export async function allMigrations(): Promise<Migrations> {
  const { coreMigrations } = await import('./persistence/core-migrations.ts');
  const all = { ...coreMigrations };
  for (const { migrations } of declared) Object.assign(all, await migrations?.());
  return all;
}
