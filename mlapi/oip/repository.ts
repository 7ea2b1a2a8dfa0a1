import type { Call } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import type { Session } from '../http/session.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import type { KnownVersion, Serving } from '../inference/model-source.ts';
import { modelNotFound } from '../inference/named-model.ts';
import { invalidInference } from '../inference/problems.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';
import type { Fields } from './fields.ts';

/** Longest index: the protocol has no pagination. */
const maxIndexed = 10_000;

const immutable = 'versions are immutable. Upload another version instead (PUT /api/models/{name}/versions/{version})';

/** Path parameters: a model or one of its versions. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Loads and unloads models, for the extension `model_repository`. */
export interface ModelRepository {
  /** Loads the version that the name denotes. @throws {Problem} 404, or why it cannot be loaded */
  load(name: string, call: Call): Promise<void>;
  /** Unloads the version that the name denotes. @throws {Problem} 404, or why it cannot be unloaded */
  unload(name: string, call: Call): Promise<void>;
}

/** Describes the version that a name denotes; it need not be in memory. @throws {Problem} 404 */
export type DescribeModel = (name: string, version: string | undefined) => ModelInformation | Promise<ModelInformation>;

/** Returns what serves an inference; a name may be split over several versions. @throws {Problem} 404, 503 */
export type ServeModel = (
  name: string,
  version: string | undefined,
  session: Session | undefined,
) => Serving | Promise<Serving>;

/** Combines the models of the folders, which stay loaded, with those of the store, if there is one. */
export function repositoryOver({
  predictors,
  store,
}: {
  readonly predictors: Pick<ModelRegistry, 'has'>;
  readonly store?: ModelRepository | undefined;
}): ModelRepository {
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
      throw new Problem(409, 'model_stays', 'This model belongs to the service and cannot be unloaded.');
    },
  };
}

/** Returns the repository index of these versions. */
export async function indexOf(
  versions: Iterable<KnownVersion> | AsyncIterable<KnownVersion>,
  onlyReady: boolean,
): Promise<object[]> {
  const entries: object[] = [];
  for await (const { name, version, predictor } of versions) {
    if (entries.length >= maxIndexed) break;
    const isReady = predictor?.isUsable === true;
    if (onlyReady && !isReady) continue;
    const reason = isReady ? '' : predictor === undefined ? 'unloaded' : 'temporarily unavailable';
    entries.push({ name, version, state: isReady ? 'READY' : 'UNAVAILABLE', reason });
  }
  return entries;
}

/** Rejects the parameters by which Triton loads other configurations or files: versions are immutable here. @throws {Problem} 400 */
export function refuseOverride(parameters: Fields): void {
  for (const name in parameters) {
    if (name !== 'config' && !name.startsWith('file:')) continue;
    throw invalidInference(name === 'config' ? 'parameters.config' : 'parameters.file', immutable);
  }
}
