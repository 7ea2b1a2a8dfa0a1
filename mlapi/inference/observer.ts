/** Where a model computes: in this process, in child processes of it, or on another server. */
export type ExecutorKind = 'inline' | 'child' | 'remote';

export interface ObservedModel {
  readonly model: string;
  readonly version: string;
}

/** One run of a model, shared by one or several requests. */
export interface ObservedRun extends ObservedModel {
  readonly executor: ExecutorKind;
  readonly requests: number;
  readonly rows: number;
  /** From the acceptance of its oldest request to its begin. */
  readonly queueSeconds: number;
  readonly runSeconds: number;
  /** `timeout`: stopped at its deadline; `crashed`: its process ended, or its server gave no answer. */
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'crashed';
}

export interface ObservedResponse {
  readonly isGood: boolean;
  /** From its acceptance. */
  readonly seconds: number;
}

/** Takes what there is to know about computations, as they happen. It must not throw. */
export interface InferenceObserver {
  ran(run: ObservedRun): void;
  /** A request has its answer or its refusal, however many runs that took. */
  answered?(model: ObservedModel, answer: ObservedResponse): void;
  /** A request was refused because it would have waited past its deadline. */
  shed(model: ObservedModel): void;
}

/** One label for all uploaded models: client-chosen names must not become metric labels. */
const uploaded: ObservedModel = { model: 'uploaded', version: '' };

/** Tells an observer of models without their names. */
export function withoutModelNames(observer: InferenceObserver): InferenceObserver {
  return {
    ran: (run) => observer.ran({ ...run, ...uploaded }),
    answered: (_model, answer) => observer.answered?.(uploaded, answer),
    shed: () => observer.shed(uploaded),
  };
}

/** The observers of all models. A feature adds its own while it opens, before the first request. */
export class InferenceObservers {
  readonly #ofShipped: InferenceObserver[];
  readonly #ofUploaded: InferenceObserver[];
  /** Observes the models of the folders. */
  readonly shipped: InferenceObserver;
  /** Observes uploaded models. */
  readonly uploaded: InferenceObserver;

  /** @param metrics gets the names of shipped models, and none of uploaded ones: client-chosen names must not become labels */
  constructor(metrics: InferenceObserver) {
    this.#ofShipped = [metrics];
    this.#ofUploaded = [withoutModelNames(metrics)];
    this.shipped = combineObservers(this.#ofShipped);
    this.uploaded = combineObservers(this.#ofUploaded);
  }

  add(observer: InferenceObserver): void {
    this.#ofShipped.push(observer);
    this.#ofUploaded.push(observer);
  }
}

/** Tells several observers. */
function combineObservers(observers: readonly InferenceObserver[]): InferenceObserver {
  return {
    ran: (run) => {
      for (const observer of observers) observer.ran(run);
    },
    answered: (model, answer) => {
      for (const observer of observers) observer.answered?.(model, answer);
    },
    shed: (model) => {
      for (const observer of observers) observer.shed(model);
    },
  };
}
