import type { Config } from '../config/config.ts';
import type { ForeignModels } from '../inference/untrusted/untrusted-models.ts';
import type { Predictors } from '../inference/model-registry.ts';
import type { Database } from '../persistence/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Artifacts } from './upload/artifacts.ts';
import { LoadedModels } from './serving/model-cache.ts';
import { ModelService } from './catalog/model-service.ts';
import { ModelStore } from './serving/model-store.ts';
import { StoreCommands } from './serving/store-commands.ts';
import { Targets } from './catalog/resolver.ts';
import { Traffic } from './traffic/traffic.ts';
import type { ConfirmSession } from './types.ts';

interface OpenModelStoreOptions {
  readonly config: Config;
  readonly database: Database;
  readonly foreign: ForeignModels;
  readonly predictors: Pick<Predictors, 'has'>;
  readonly confirm: ConfirmSession;
  readonly clock: () => number;
  readonly logger?: Pick<Logger, 'log'>;
}

/** Builds the model store. */
export function openModelStore(options: OpenModelStoreOptions) {
  const { config, database, foreign, predictors, confirm, clock, logger } = options;
  const artifacts = new Artifacts(config.dataDir);
  const loaded = new LoadedModels({ foreign, artifacts, memoryBytes: foreign.workerBytes, logger });
  const traffic = new Traffic({ database, clock });
  const targets = new Targets(database);
  const store = new ModelStore({ database, artifacts, foreign, loaded, targets, traffic });
  const service = new ModelService({
    config,
    database,
    artifacts,
    foreign,
    targets,
    predictors,
    confirm,
    clock,
    loaded,
  });
  return { store, foreign, service, traffic, commands: new StoreCommands(store, service) };
}
