import type { Config } from '../config/config.ts';
import type { Predictors } from '../inference/predictors.ts';
import type { OipOptions } from './routes.ts';
import type { RunStatistics } from './statistics.ts';

interface Served {
  readonly config: Pick<Config, 'bodyLimitBytes'>;
  readonly predictors: Predictors;
  readonly oipStatistics: RunStatistics;
}

/** The protocol over the models that are there: those of the folders, and those of a source that are loaded. */
export function oipOver({ config, predictors, oipStatistics }: Served): OipOptions {
  return {
    find: (name, version) => predictors.find(name, version),
    serve: (name, version, session) => predictors.serve(name, version, session?.clientId ?? ''),
    list: () => predictors.loaded(),
    shown: predictors.shown,
    statistics: oipStatistics,
    bodyLimitBytes: config.bodyLimitBytes,
  };
}
