import { oauthErrorShape } from './auth/error-shape.ts';
import { corePermissions } from './auth/types.ts';
import type { Endpoint } from './http/endpoint.ts';
import type { Feature } from './http/feature.ts';
import { redisVariables } from './http/limits/redis-variables.ts';
import type { Lifecycle } from './http/server/lifecycle.ts';
import { csv } from './inference/csv/feature.ts';
import { remoteVariables } from './inference/remote/variables.ts';
import { modelStore } from './models/feature.ts';
import { oip } from './oip/feature.ts';
import type { Migrations } from './persistence/migrations.ts';
import { postgresVariables } from './persistence/postgres-variables.ts';
import { otlpVariables } from './telemetry/otlp/variables.ts';
import { workers } from './workers/feature.ts';

/** The features besides the core, in the order in which they open. Remove its line and its folder to remove one. */
export const features = {
  workers,
  postgres: { variables: postgresVariables },
  redis: { variables: redisVariables },
  otlp: { variables: otlpVariables },
  csv,
  remoteModels: { variables: remoteVariables },
  modelStore,
  oip,
};

const declared = Object.values<Feature>(features);

/** Loads what runs the service, if a feature does: in several processes, for example. */
export const runService = onlyOne(declared.flatMap(({ run }) => run ?? []));

function onlyOne<Value>([first, ...others]: readonly Value[]): Value | undefined {
  if (others.length > 0) throw new Error('two features in mlapi/features.ts would run the service: keep one');
  return first;
}

/** Permissions that a token may hold, in alphabetical order. */
export const permissions: readonly string[] = [
  ...corePermissions,
  ...declared.flatMap(({ scopes = [] }) => scopes),
].sort();

/** Error formats by path; all other paths use RFC 9457. */
export const errorShapes = [oauthErrorShape, ...declared.flatMap(({ errorShape = [] }) => errorShape)];

/** Descriptions of the tags of features, for the documents. */
export const tags = Object.assign({}, ...declared.map((feature) => feature.tags)) as Readonly<Record<string, string>>;

/** Public endpoints of features, for the time before the service is open. */
export function startingEndpoints(lifecycle: Lifecycle): Endpoint[] {
  return declared.flatMap((feature) => feature.startingEndpoints?.(lifecycle) ?? []);
}

/** Migrations of the core and of all features, by name. */
export async function allMigrations(): Promise<Migrations> {
  const [{ coreMigrations }, { mergeMigrations }] = await Promise.all([
    import('./persistence/core-migrations.ts'),
    import('./persistence/migrations.ts'),
  ]);
  const ofFeatures = await Promise.all(declared.map(async ({ migrations }) => (await migrations?.()) ?? {}));
  return mergeMigrations([coreMigrations, ...ofFeatures]);
}
