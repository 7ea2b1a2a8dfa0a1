import type { NameRange } from '../http/name-ranges.ts';
import type { ModelInformation } from './serving/model-information.ts';
import type { Predictor } from './serving/predictor.ts';

type Verbs = 'encode' | 'encodeTensors' | 'selectOutputs' | 'run' | 'decode' | 'decodeTensors';

/**
 * Target of one client's requests for a model. Requests go by `predict` and `infer`, which count where somebody counts; the verbs
 * that they are made of count nothing.
 */
export type Serving = Pick<
  Predictor,
  'contract' | 'headers' | 'maxRows' | 'encoding' | 'predict' | 'predictEncoded' | 'infer' | Verbs
>;

/** One line of a list of models. */
export interface ModelSummary {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly sha256: string;
}

export interface ModelPage {
  /** In which the names lie: in order, and apart from each other. */
  readonly ranges: readonly NameRange[];
  readonly limit: number;
  /** Owner whose models are listed; undefined for all owners. */
  readonly ownerId: string | undefined;
}

/** A version that is there, and what computes it while it is in memory. */
export interface KnownVersion {
  readonly name: string;
  readonly version: string;
  readonly predictor: Predictor | undefined;
}

/** Where models come from beside the folders that the service ships with. `version` may be an alias, as `@stable`. */
export interface ModelSource {
  /** Finds the target of a client's predictions, at once where it is in memory: an alias may have several versions. @throws {Problem} 404, 503 */
  serve(name: string, version: string | undefined, client: string): Serving | Promise<Serving>;
  /** Decorates a model of a folder, once: its predictions are counted, too. */
  watch(predictor: Predictor): Serving;
  /** @throws {Problem} 404 */
  information(name: string, version: string | undefined): Promise<ModelInformation>;
  /** In the order of their names. */
  list(page: ModelPage): Promise<ModelSummary[]>;
  /** Every version whose name lies in a range, in the order of their names: the next ones. @param after the last one that is known */
  index(range: NameRange, after: { name: string; version: string } | undefined, limit: number): Promise<KnownVersion[]>;
  /** Those that are in memory now. */
  loaded(): Predictor[];
  release(): Promise<void>;
}
