import type { CoreConfig } from '../config/core-config.ts';
import type { OpenFeature } from '../http/feature.ts';
import type { Metrics } from '../telemetry/metrics/metrics.ts';
import { ModelRegistry } from './model-registry.ts';
import { InferenceObservers } from './observer.ts';
import { inferenceEndpoints } from './routes.ts';
import { RowFormats } from './row-formats.ts';
import type { EngineConfig } from './serving/open-batcher.ts';

interface InferenceFoundations {
  readonly config: CoreConfig & EngineConfig;
  readonly metrics: Metrics;
}

/** Loads and warms up the models of the folders. @throws {ModelFolderError} for the first folder that cannot be served */
export async function openInference({ config, metrics }: InferenceFoundations) {
  const observers = new InferenceObservers(metrics);
  const predictors = await ModelRegistry.load(config, observers.shipped);
  metrics.watch({ modelMemoryBytes: () => predictors.memory(), modelVerdicts: () => predictors.verdicts() });
  const rowFormats = new RowFormats();
  const feature: OpenFeature = {
    // Created when they are asked for: the features add their formats first.
    get endpoints() {
      return inferenceEndpoints(predictors, config, rowFormats);
    },
    healthChecks: [{ name: 'models', check: () => predictors.check() }],
  };
  return { predictors, observers, rowFormats, inference: feature };
}
