import type { ExecutorKind } from '../observer.ts';
import type { Reference } from './reference.ts';

/** A category and the number that encodes it in the training data. */
export interface Category {
  readonly category: string;
  readonly encoding: number;
}

interface FeatureBase {
  readonly name: string;
  readonly description?: string;
  readonly unit?: string;
}

export interface NumericFeature extends FeatureBase {
  readonly type: 'number' | 'integer';
  readonly min?: number;
  readonly max?: number;
  /** `reject`, or the value used for an absent or null cell. */
  readonly missing: number | 'reject';
}

export interface BooleanFeature extends FeatureBase {
  readonly type: 'boolean';
  readonly missing: boolean | 'reject';
}

export interface CategoryFeature extends FeatureBase {
  readonly type: 'category';
  readonly categories: readonly Category[];
  /** `reject`, or the category used for unknown ones. */
  readonly unknown: string;
  /** `reject`, or the category used for an absent or null cell. */
  readonly missing: string;
}

export type Feature = NumericFeature | BooleanFeature | CategoryFeature;

/** How the output tensor becomes predictions. `tensor` and `scores` override the automatic choice. */
export interface OutputContract {
  readonly kind: 'class_scores' | 'anomaly_scores' | 'values';
  readonly labels?: readonly (string | number)[];
  /** Scores strictly below the threshold are outliers. */
  readonly threshold?: number;
  readonly tensor?: string;
  readonly scores?: 'per-class' | 'positive-class' | 'class-number';
}

/** One row as an object from feature name to value. */
export type NamedRow = Readonly<Record<string, string | number | boolean | null>>;

/** Contract of a model: validation, encoding, documentation and examples are derived from it. */
export interface Contract {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Empty if the model takes tensors, not rows. */
  readonly features: readonly Feature[];
  readonly output: OutputContract;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly sample: NamedRow;
  /** Distribution of the inputs in training, with which later inputs can be compared. */
  readonly reference?: Reference;
  /** For models without features: an inference request as JSON text, used for the warm-up. Without it, warm-up runs on zeros. */
  readonly sampleRequest?: string;
  readonly batching: BatchingContract;
  /** Place of the computation. Default: chosen by warm-up. */
  readonly executor?: Exclude<ExecutorKind, 'remote'>;
  /** Set if the model runs on another server; the folder then has no model file. */
  readonly remote?: RemoteReference;
}

/** A model on another server. */
export interface RemoteReference {
  /** Base URL of the server; must be allowed by the operator. */
  readonly url: string;
  readonly model: string;
  /** Default: chosen by the server. */
  readonly version?: string;
}

/** How requests share runs of a model. */
export interface BatchingContract {
  /** Maximum rows of one run. Default: chosen by warm-up. */
  readonly maxRows?: number;
  /** How long a request may wait for others. With 0, it waits at most until the end of the event-loop turn in which it arrived. */
  readonly maxWaitMicroseconds: number;
  /** Operator's assurance that no row affects another row's output, for graphs where this cannot be proved. Only in folders. */
  readonly rowWise?: boolean;
}

export type Prediction = string | number | readonly number[];

/** A model folder that cannot be served. Names the file and the reason; stops the start. */
export class ModelFolderError extends Error {
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options);
    this.name = 'ModelFolderError';
  }

  /** Wraps an error of a reader or of the model runtime. */
  static of(file: string, cause: unknown): ModelFolderError {
    const isMissing = (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    const reason = isMissing ? 'file not found' : cause instanceof Error ? cause.message : String(cause);
    return new ModelFolderError(file, reason, { cause });
  }
}
