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

/** Of strangers' models all together: their names are strangers' words. */
const uploaded: ObservedModel = { model: 'uploaded', version: '' };

/** Tells an observer of models without their names. */
export function withoutModelNames(observer: InferenceObserver): InferenceObserver {
  return {
    ran: (run) => observer.ran({ ...run, ...uploaded }),
    answered: (_model, answer) => observer.answered?.(uploaded, answer),
    shed: () => observer.shed(uploaded),
  };
}

/** Tells several observers. */
export function combineObservers(observers: readonly InferenceObserver[]): InferenceObserver {
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
