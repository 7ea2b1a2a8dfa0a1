import type { Config } from '../config/config.ts';
import type { ForeignModels } from '../inference/foreign-models.ts';
import type { Database } from '../persistence/database.ts';
import { Artifacts } from './artifacts.ts';
import { LoadedModels } from './loaded-models.ts';
import { ModelService } from './model-service.ts';
import { ModelStore } from './model-store.ts';

interface OpenModelStoreOptions {
  readonly config: Config;
  readonly database: Database;
  readonly foreign: ForeignModels;
  /** Whether the service comes with a model of this name. */
  readonly isShipped: (name: string) => boolean;
  readonly clock: () => number;
}

/** Builds the model store. */
export function openModelStore({ config, database, foreign, isShipped, clock }: OpenModelStoreOptions) {
  const artifacts = new Artifacts(config.dataDir);
  const memoryBytes = config.modelsMemoryBytes / config.workers;
  const loaded = new LoadedModels({ foreign, artifacts, memoryBytes });
  const store = new ModelStore({ database, artifacts, foreign, loaded });
  return { store, service: new ModelService({ config, database, artifacts, foreign, isShipped, clock }) };
}
