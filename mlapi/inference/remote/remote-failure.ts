import { LostRun } from '../faults.ts';

interface FailureTraits {
  /** Whether the same request may be sent once more. */
  readonly isRetryable?: boolean;
  /** Whether it says something of the server, and not of this request alone. */
  readonly isFault?: boolean;
  /** For the log: what the server said, or the system. */
  readonly cause?: unknown;
}

/** A server that gave no answer. Its own words are in the cause alone. */
export class RemoteFailure extends LostRun {
  readonly isRetryable: boolean;
  readonly isFault: boolean;

  constructor(outcome: LostRun['outcome'], reason: string, traits: FailureTraits = {}) {
    super(outcome, reason);
    this.name = 'RemoteFailure';
    this.isRetryable = traits.isRetryable ?? false;
    this.isFault = traits.isFault ?? true;
    if (traits.cause !== undefined) this.cause = traits.cause;
  }
}

/** Whether a model could not be started because its server gave no answer: later it may. */
export function isAway(cause: unknown): boolean {
  return failureOf(cause) !== undefined;
}

/** Whether that says something of the server, and not of what was asked of it. */
export function isOutage(cause: unknown): boolean {
  return failureOf(cause)?.isFault === true;
}

function failureOf(cause: unknown): RemoteFailure | undefined {
  for (let at = cause, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1)
    if (at instanceof RemoteFailure) return at;
  return undefined;
}
