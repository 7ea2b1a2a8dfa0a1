import { LostRun } from '../faults.ts';

interface FailureTraits {
  /** Whether the same request may be sent again. */
  readonly isRetryable?: boolean;
  /** Whether the failure concerns the server, not only this request. */
  readonly isFault?: boolean;
  /** For the log: text of the server, or the system error. */
  readonly cause?: unknown;
}

/** A server that gave no usable response. Its own text is only in `cause`. */
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

/** Whether a model could not be started because its server was unreachable; a later attempt may succeed. */
export function isAway(cause: unknown): boolean {
  return failureOf(cause) !== undefined;
}

/** Whether the failure concerns the server, not only the request. */
export function isOutage(cause: unknown): boolean {
  return failureOf(cause)?.isFault === true;
}

function failureOf(cause: unknown): RemoteFailure | undefined {
  for (let at = cause, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1)
    if (at instanceof RemoteFailure) return at;
  return undefined;
}
