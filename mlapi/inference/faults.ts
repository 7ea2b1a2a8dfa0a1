/** An executor cannot run models at the moment. `retrySeconds` says when to try again. */
export class Fault extends Error {
  readonly retrySeconds: number;

  constructor(reason: string, retrySeconds: number) {
    super(reason);
    this.name = 'Fault';
    this.retrySeconds = retrySeconds;
  }
}

/** A run that was stopped at its deadline, or whose process or server was lost. */
export class LostRun extends Error {
  readonly outcome: 'timeout' | 'crashed';

  constructor(outcome: LostRun['outcome'], reason: string) {
    super(reason);
    this.name = 'LostRun';
    this.outcome = outcome;
  }
}

/** A run whose process was stopped because it exceeded its memory limit. */
export class ExhaustedRun extends LostRun {
  constructor(reason: string) {
    super('crashed', reason);
    this.name = 'ExhaustedRun';
  }
}
