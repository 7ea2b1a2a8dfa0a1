import type { Config } from '../config/config.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import { repositoryOver, type ModelRepository } from './repository.ts';
import type { OipOptions } from './routes.ts';
import type { RunStatistics } from './statistics.ts';

interface Served {
  readonly config: Pick<Config, 'bodyLimitBytes'>;
  readonly predictors: ModelRegistry;
  readonly oipStatistics: RunStatistics;
  /** Of models that clients bring. */
  readonly modelStore?: { readonly commands: ModelRepository };
}

/** The protocol over the models that are there: those of the folders, and those of a source that are loaded. */
export function openOip({ config, predictors, oipStatistics, modelStore }: Served): OipOptions {
  return {
    describe: (name, version) => predictors.information(name, version),
    serve: (name, version, session) => predictors.serve(name, version, session?.clientId ?? ''),
    loaded: () => predictors.loaded(),
    versions: (names) => predictors.versions(names),
    repository: repositoryOver(predictors, modelStore?.commands),
    shown: predictors.shown,
    statistics: oipStatistics,
    bodyLimitBytes: config.bodyLimitBytes,
  };
}
