import type { NameRange } from '../http/name-ranges.ts';
import type { ModelInformation } from './serving/model-information.ts';
import type { Predictor } from './serving/predictor.ts';

type Verbs = 'encode' | 'encodeTensors' | 'selectOutputs' | 'run' | 'decode' | 'decodeTensors';

/**
 * Serves one client's requests for a model. `predict` and `infer` record traffic, if it is recorded; the verbs they consist of do not.
 */
export type Serving = Pick<
  Predictor,
  'contract' | 'headers' | 'maxRows' | 'encoding' | 'predict' | 'predictEncoded' | 'infer' | Verbs
>;

/** One entry in a list of models. */
export interface ModelSummary {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly sha256: string;
}

export interface ModelPage {
  /** Ranges of names to list: sorted and not overlapping. */
  readonly ranges: readonly NameRange[];
  readonly limit: number;
  /** Owner whose models are listed; undefined for all owners. */
  readonly ownerId: string | undefined;
}

/** A version in the store, with its predictor while it is in memory. */
export interface KnownVersion {
  readonly name: string;
  readonly version: string;
  readonly predictor: Predictor | undefined;
}

/** Models that do not come from folders. A `version` may be an alias, such as `@stable`. */
export interface ModelSource {
  /** Finds the target of a client's predictions, at once where it is in memory: an alias may have several versions. @throws {Problem} 404, 503 */
  serve(name: string, version: string | undefined, client: string): Serving | Promise<Serving>;
  /** Returns a model of a folder as it is served: decorated once, so that its predictions are counted too. */
  watch(predictor: Predictor): Serving;
  /** @throws {Problem} 404 */
  information(name: string, version: string | undefined): Promise<ModelInformation>;
  /** Sorted by name. */
  list(page: ModelPage): Promise<ModelSummary[]>;
  /** Returns the next versions whose name lies in a range, sorted by name. @param after last version of the previous page */
  index(range: NameRange, after: { name: string; version: string } | undefined, limit: number): Promise<KnownVersion[]>;
  /** The models that are in memory. */
  loaded(): Predictor[];
  release(): Promise<void>;
}
