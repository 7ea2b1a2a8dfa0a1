import type { Call } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import type { Session } from '../http/session.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import type { KnownVersion, Serving } from '../inference/model-source.ts';
import { modelNotFound } from '../inference/named-model.ts';
import { invalidInference } from '../inference/problems.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';
import type { Fields } from './fields.ts';

/** The protocol has no pages: a longer index is cut. */
const maxIndexed = 10_000;

/** Parameters of a path: a model, or one of its versions. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Where models come from, for the extension `model_repository`. */
export interface ModelRepository {
  /** Loads the version that the name stands for. @throws {Problem} 404, or why it cannot be loaded */
  load(name: string, call: Call): Promise<void>;
  /** @throws {Problem} 404, or why it cannot be unloaded */
  unload(name: string, call: Call): Promise<void>;
}

/** Describes the version that a name stands for; it need not be in memory. @throws {Problem} 404 */
export type DescribeModel = (name: string, version: string | undefined) => ModelInformation | Promise<ModelInformation>;

/** Finds what answers an inference: a name may stand for several versions. @throws {Problem} 404, 503 */
export type ServeModel = (
  name: string,
  version: string | undefined,
  session: Session | undefined,
) => Serving | Promise<Serving>;

/** Models that are loaded when the service starts, and stay: to load one changes nothing. The others are the store's, if there is one. */
export function repositoryOver(predictors: Pick<ModelRegistry, 'has'>, store?: ModelRepository): ModelRepository {
  const ofStore = (): ModelRepository => {
    if (store === undefined) throw modelNotFound();
    return store;
  };
  return {
    load: async (name, call) => {
      if (!predictors.has(name)) await ofStore().load(name, call);
    },
    unload: async (name, call) => {
      if (!predictors.has(name)) return ofStore().unload(name, call);
      throw new Problem(409, 'model_stays', 'This model came with the service, and stays loaded.');
    },
  };
}

/** Makes the index of these versions. */
export async function indexOf(
  versions: Iterable<KnownVersion> | AsyncIterable<KnownVersion>,
  onlyReady: boolean,
): Promise<object[]> {
  const entries: object[] = [];
  for await (const { name, version, predictor } of versions) {
    if (entries.length >= maxIndexed) break;
    const isReady = predictor?.isUsable === true;
    if (onlyReady && !isReady) continue;
    const reason = isReady ? '' : predictor === undefined ? 'unloaded' : 'it cannot compute now';
    entries.push({ name, version, state: isReady ? 'READY' : 'UNAVAILABLE', reason });
  }
  return entries;
}

/** Triton takes another configuration, or other files, for a model as it loads it; versions here never change. @throws {Problem} 400 */
export function refuseOverride(parameters: Fields): void {
  for (const name in parameters) {
    if (name !== 'config' && !name.startsWith('file:')) continue;
    const upload = 'upload another version (PUT /api/models/{name}/versions/{version})';
    const where = name === 'config' ? 'parameters.config' : 'parameters.file';
    throw invalidInference(where, `a version never changes, and is loaded as it was uploaded: ${upload}`);
  }
}
