import type { Config } from '../config/config.ts';
import type { Feature } from '../http/feature.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics/metrics.ts';
import { ModelRegistry } from './model-registry.ts';
import { InferenceObservers } from './observer.ts';
import { inferenceEndpoints } from './routes.ts';
import { UntrustedModels } from './untrusted/untrusted-models.ts';

interface InferenceFoundations {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Loads the models of the folders, and warms them up. @throws {ModelFolderError} on the first that cannot serve */
export async function openInference({ config, metrics, logger }: InferenceFoundations) {
  const observers = new InferenceObservers(metrics);
  const predictors = await ModelRegistry.load(config, observers.shipped);
  const untrusted = new UntrustedModels({ ...config, observer: observers.uploaded, logger });
  metrics.watch({ modelMemoryBytes: () => predictors.memory(), modelVerdicts: () => predictors.verdicts() });
  const feature: Feature = {
    endpoints: inferenceEndpoints(predictors, config),
    healthChecks: [{ name: 'models', check: () => predictors.check() }],
  };
  return { predictors, observers, untrusted, inference: feature };
}
