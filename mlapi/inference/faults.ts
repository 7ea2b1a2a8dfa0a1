/** Why an executor takes no runs, and when it may be worth asking again. */
export class Fault extends Error {
  readonly retrySeconds: number;

  constructor(reason: string, retrySeconds: number) {
    super(reason);
    this.name = 'Fault';
    this.retrySeconds = retrySeconds;
  }
}

/** A run that came to no end of its own. */
export class LostRun extends Error {
  readonly outcome: 'timeout' | 'crashed';

  constructor(outcome: LostRun['outcome'], reason: string) {
    super(reason);
    this.name = 'LostRun';
    this.outcome = outcome;
  }
}

/** A run whose process was ended because it took more memory than there is for it. */
export class ExhaustedRun extends LostRun {
  constructor(reason: string) {
    super('crashed', reason);
    this.name = 'ExhaustedRun';
  }
}
