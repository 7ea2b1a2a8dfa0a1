import type { CoreConfig } from '../config/core-config.ts';
import type { OpenFeature } from '../http/feature.ts';
import type { HealthChecks } from '../http/health/health-checks.ts';
import type { Lifecycle } from '../http/server/lifecycle.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import type { InferenceObservers } from '../inference/observer.ts';
import { oipHealthEndpoints } from './health-routes.ts';
import { repositoryOver, type ModelRepository } from './repository.ts';
import { oipEndpoints } from './routes.ts';
import { RunStatistics } from './statistics.ts';

interface OipFoundations {
  readonly config: Pick<CoreConfig, 'bodyLimitBytes'>;
  readonly lifecycle: Lifecycle;
  readonly checks: HealthChecks;
  readonly predictors: ModelRegistry;
  readonly observers: InferenceObservers;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Loads and unloads uploaded models, if there is a model store. */
  readonly modelStore?: { readonly commands: ModelRepository };
}

/** Serves the Open Inference Protocol for every model of the service. */
export function openOip({
  config,
  lifecycle,
  checks,
  predictors,
  observers,
  clock,
  modelStore,
}: OipFoundations): OpenFeature {
  const statistics = new RunStatistics(clock);
  statistics.forgetAllBut(() => predictors.loaded());
  observers.add(statistics);
  return {
    publicEndpoints: oipHealthEndpoints(lifecycle, checks),
    endpoints: oipEndpoints({
      describe: (name, version) => predictors.information(name, version),
      serve: (name, version, session) => predictors.serve(name, version, session?.clientId ?? ''),
      loaded: () => predictors.loaded(),
      versions: (names) => predictors.versions(names),
      repository: repositoryOver({ predictors, store: modelStore?.commands }),
      shown: predictors.shown,
      statistics,
      bodyLimitBytes: config.bodyLimitBytes,
    }),
  };
}
