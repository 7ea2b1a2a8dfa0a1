import type { CoreConfig } from '../config/core-config.ts';
import type { OpenFeature } from '../http/feature.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import type { InferenceObservers } from '../inference/observer.ts';
import type { EngineConfig } from '../inference/serving/open-batcher.ts';
import { UntrustedModels } from '../inference/untrusted/untrusted-models.ts';
import type { Database } from '../persistence/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ModelService } from './catalog/model-service.ts';
import { VersionResolver } from './catalog/resolver.ts';
import { modelStoreEndpoints } from './routes.ts';
import { ModelCache } from './serving/model-cache.ts';
import { ModelStore } from './serving/model-store.ts';
import { StoreCommands } from './serving/store-commands.ts';
import { Traffic } from './traffic/traffic.ts';
import type { ConfirmSession } from './types.ts';
import { Artifacts } from './upload/artifacts.ts';
import type { ModelStoreConfig } from './variables.ts';

interface ModelStoreOptions {
  readonly config: ModelStoreConfig & EngineConfig & Pick<CoreConfig, 'dataDir'>;
  readonly database: Database;
  readonly predictors: Pick<ModelRegistry, 'has'>;
  readonly confirm: ConfirmSession;
  readonly clock: () => number;
  readonly observers?: Pick<InferenceObservers, 'uploaded'>;
  readonly logger?: Pick<Logger, 'info' | 'log'>;
}

interface ModelStoreFoundations extends Omit<ModelStoreOptions, 'confirm'> {
  readonly predictors: ModelRegistry;
  readonly observers: InferenceObservers;
  readonly tokens: { readonly confirm: ConfirmSession };
  readonly logger: Logger;
}

/** Opens the model store; predictions find its models next to those of the folders. */
export function openModelStore(foundations: ModelStoreFoundations) {
  const { config, predictors, tokens, logger } = foundations;
  const built = buildModelStore({ ...foundations, confirm: (...session) => tokens.confirm(...session) });
  predictors.attachModelSource(built.store);
  const feature: OpenFeature = {
    endpoints: modelStoreEndpoints({ ...built, predictors, config }),
    metrics: () => built.traffic.metrics(),
    startMaintenance: () => built.store.startMaintenance(logger),
  };
  return { ...feature, ...built };
}

/** Builds the model store without its endpoints, for operator commands. */
export function buildModelStore(options: ModelStoreOptions) {
  const { config, database, predictors, confirm, clock, observers, logger } = options;
  const untrusted = new UntrustedModels({ ...config, observer: observers?.uploaded, ...(logger && { logger }) });
  const artifacts = new Artifacts(config.dataDir);
  const traffic = new Traffic({ database, clock });
  const loaded = new ModelCache({ untrusted, artifacts, traffic, memoryBytes: untrusted.shareBytes, logger });
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
