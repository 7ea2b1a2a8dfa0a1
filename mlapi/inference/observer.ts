/** Place of a model's computation: in this process, in child processes, or on another server. */
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
  /** From the arrival of its oldest request to the start of the run. */
  readonly queueSeconds: number;
  readonly runSeconds: number;
  /** `timeout`: stopped at its deadline. `crashed`: its process exited, or its server did not respond. */
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'crashed';
}

export interface ObservedResponse {
  readonly isGood: boolean;
  /** From arrival to response. */
  readonly seconds: number;
}

/** Observes runs and responses as they happen. Must not throw. */
export interface InferenceObserver {
  ran(run: ObservedRun): void;
  /** A request was answered or rejected, after any number of runs. */
  answered?(model: ObservedModel, answer: ObservedResponse): void;
  /** A request was refused because it would have waited past its deadline. */
  shed(model: ObservedModel): void;
}

/** One label for all uploaded models: client-chosen names must not become metric labels. */
const uploaded: ObservedModel = { model: 'uploaded', version: '' };

/** Forwards events to an observer without the names of models. */
export function withoutModelNames(observer: InferenceObserver): InferenceObserver {
  return {
    ran: (run) => observer.ran({ ...run, ...uploaded }),
    answered: (_model, answer) => observer.answered?.(uploaded, answer),
    shed: () => observer.shed(uploaded),
  };
}

/**
 * The observers of all models. Features add theirs while they open, before the first request.
 * @example
 * observers.add({
 *   ran: ({ model, rows, runSeconds }) => logger.info('run', { model, rows, runSeconds }),
 *   shed: ({ model }) => logger.info('shed', { model }),
 * });
 */
export class InferenceObservers {
  readonly #ofShipped: InferenceObserver[];
  readonly #ofUploaded: InferenceObserver[];
  /** Observes the models of the folders. */
  readonly shipped: InferenceObserver;
  /** Observes uploaded models. */
  readonly uploaded: InferenceObserver;

  /** @param metrics gets the names of folder models only: client-chosen names must not become labels */
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

/** Forwards events to several observers. */
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
