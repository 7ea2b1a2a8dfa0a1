/** One mistake in the input: where (RFC 6901 pointer) and what. */
export interface InputError {
  readonly pointer: string;
  readonly detail: string;
}

/** No more of them are answered: the rest would follow from the first, or flood the answer. */
export const maxInputErrors = 20;

/** One step of a pointer (RFC 6901). */
export function toPointer(step: string | number): string {
  return `/${String(step).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

interface ProblemOptions {
  /** RFC 6901 pointers into the request body, cut at `maxInputErrors`. */
  readonly errors?: readonly InputError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Private: it is logged, and never answered. */
  readonly cause?: unknown;
}

/** A refusal that the caller may read: thrown anywhere, turned into a response by `error-responses.ts`. */
export class Problem extends Error {
  readonly status: number;
  /** Stable and documented: clients branch on it. */
  readonly code: string;
  readonly errors: readonly InputError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, { errors, headers = {}, cause }: ProblemOptions = {}) {
    super(message, { cause });
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.errors = errors?.slice(0, maxInputErrors);
    this.headers = headers;
  }
}

/** 401: one text for every token that is missing or not good, with the next step for all of them alike. */
export function tokenRequired(options: Pick<ProblemOptions, 'headers' | 'cause'> = {}): Problem {
  const message = 'A valid bearer token is required. Get a new one from /auth/refresh, /auth/reset or /auth/token.';
  return new Problem(401, 'invalid_token', message, options);
}

/** 404: there is none, or none that this client may know of. */
export function modelNotFound(): Problem {
  return new Problem(404, 'model_not_found', 'There is no such model or version.');
}

const serviceBusyRetrySeconds = 1;

/** 503: nothing was done, and the same request may succeed in a moment. */
export function serviceBusy(cause?: unknown): Problem {
  return new Problem(503, 'temporarily_unavailable', 'The service is busy; try again in a moment.', {
    headers: { 'retry-after': String(serviceBusyRetrySeconds) },
    cause,
  });
}
