import type { ExecutorKind } from '../observer.ts';
import type { Reference } from './reference.ts';

/** A category and the number that the model was trained with in its place. */
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
  /** `reject`, or the value that stands in for an absent or null cell. */
  readonly missing: number | 'reject';
}

export interface BooleanFeature extends FeatureBase {
  readonly type: 'boolean';
  readonly missing: boolean | 'reject';
}

export interface CategoryFeature extends FeatureBase {
  readonly type: 'category';
  readonly categories: readonly Category[];
  /** `reject`, or the category that takes what is unknown. */
  readonly unknown: string;
  /** `reject`, or the category that stands in for an absent or null cell. */
  readonly missing: string;
}

export type Feature = NumericFeature | BooleanFeature | CategoryFeature;

/** How the output tensor becomes predictions. `tensor` and `scores`, where given, replace every guess. */
export interface OutputContract {
  readonly kind: 'class_scores' | 'anomaly_scores' | 'values';
  readonly labels?: readonly (string | number)[];
  /** Scores strictly below it are outliers. */
  readonly threshold?: number;
  readonly tensor?: string;
  readonly scores?: 'per-class' | 'positive-class' | 'class-number';
}

/** A row with names: what the caller sends for each feature. */
export type NamedRow = Readonly<Record<string, string | number | boolean | null>>;

/** A model's input contract: validation, encoding, documents and examples all follow from it. */
export interface Contract {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** None: the model takes tensors, and no rows. */
  readonly features: readonly Feature[];
  readonly output: OutputContract;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly sample: NamedRow;
  /** Distribution of the inputs in training, which drift is measured against. */
  readonly reference?: Reference;
  /** Where there are no features: an inference request as JSON text, for the warm-up; without it, that computes zeros. */
  readonly sampleRequest?: string;
  readonly batching: BatchingContract;
  /** Where the model computes; by default, what its warm-up suggests. */
  readonly executor?: Exclude<ExecutorKind, 'remote'>;
  /** The model computes there, and no file of it is here. */
  readonly remote?: RemoteReference;
}

/** A model on another server that speaks the Open Inference Protocol. */
export interface RemoteReference {
  /** Base URL of the server, without `/v2`: one that the operator allows. */
  readonly url: string;
  readonly model: string;
  /** Without it, the server's own choice. */
  readonly version?: string;
}

/** How requests share the runs of a model. */
export interface BatchingContract {
  /** Most rows of one run; by default, what warm-up suggests. */
  readonly maxRows?: number;
  /** How long a request may wait for company: 0 is never longer than the turn of the event loop that it arrived in. */
  readonly maxWaitMicroseconds: number;
  /** The operator vouches that no row reaches another's output, where the graph does not prove it. Only in folders. */
  readonly rowWise?: boolean;
}

export type Prediction = string | number | readonly number[];

/** A model folder that cannot be served: which file, and why. It stops the start. */
export class ModelFolderError extends Error {
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options);
    this.name = 'ModelFolderError';
  }

  /** The same for what a reader or the model runtime threw. */
  static of(file: string, cause: unknown): ModelFolderError {
    const isMissing = (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    const reason = isMissing ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause);
    return new ModelFolderError(file, reason, { cause });
  }
}
