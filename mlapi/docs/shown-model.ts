import type { Endpoint } from '../http/endpoint.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';

/** Example values for path parameters, such as the name of an existing model. */
export type PathSamples = Readonly<Record<string, string>>;

/** The model of the examples: the one documented as the response of `GET /api/ml`. */
export function shownModel(endpoints: readonly Endpoint[]): ModelInformation | undefined {
  const information = endpoints.find(({ method, path }) => method === 'GET' && path === '/api/ml');
  return information?.docs.answer?.example as ModelInformation | undefined;
}

/** Its name and version, for paths that name a model. */
export function pathSamples(endpoints: readonly Endpoint[]): PathSamples {
  const model = shownModel(endpoints);
  return model === undefined ? {} : { name: model.name, version: model.version };
}
