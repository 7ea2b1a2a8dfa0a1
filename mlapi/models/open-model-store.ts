import type { Config } from '../config/config.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import type { UntrustedModels } from '../inference/untrusted/untrusted-models.ts';
import type { Database } from '../persistence/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ModelService } from './catalog/model-service.ts';
import { VersionResolver } from './catalog/resolver.ts';
import { ModelCache } from './serving/model-cache.ts';
import { ModelStore } from './serving/model-store.ts';
import { StoreCommands } from './serving/store-commands.ts';
import { Traffic } from './traffic/traffic.ts';
import type { ConfirmSession } from './types.ts';
import { Artifacts } from './upload/artifacts.ts';

interface OpenModelStoreOptions {
  readonly config: Config;
  readonly database: Database;
  readonly untrusted: UntrustedModels;
  readonly predictors: Pick<ModelRegistry, 'has'>;
  readonly confirm: ConfirmSession;
  readonly clock: () => number;
  readonly logger?: Pick<Logger, 'log'>;
}

/** Builds the model store. */
export function openModelStore(options: OpenModelStoreOptions) {
  const { config, database, untrusted, predictors, confirm, clock, logger } = options;
  const artifacts = new Artifacts(config.dataDir);
  const loaded = new ModelCache({ untrusted, artifacts, memoryBytes: untrusted.workerBytes, logger });
  const traffic = new Traffic({ database, clock });
  const resolver = new VersionResolver(database);
  const store = new ModelStore({ database, artifacts, untrusted, loaded, resolver, traffic });
  const service = new ModelService({
    config,
    database,
    artifacts,
    untrusted,
    resolver,
    predictors,
    confirm,
    clock,
    loaded,
  });
  return { store, untrusted, service, traffic, commands: new StoreCommands(store, service) };
}
