import type { Endpoint } from '../http/endpoint.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';

/** Values that stand in for the parameters of a path, such as the name of a model that is there. */
export type PathSamples = Readonly<Record<string, string>>;

/** The model that the samples are from: what `GET /api/ml` documents as its answer. */
export function shownModel(endpoints: readonly Endpoint[]): ModelInformation | undefined {
  const information = endpoints.find(({ method, path }) => method === 'GET' && path === '/api/ml');
  return information?.docs.answer?.example as ModelInformation | undefined;
}

/** Its name and version, for paths that name a model. */
export function pathSamples(endpoints: readonly Endpoint[]): PathSamples {
  const model = shownModel(endpoints);
  return model === undefined ? {} : { name: model.name, version: model.version };
}
