/** One mistake in the input: where (RFC 6901 JSON pointer) and what. */
export interface InputError {
  readonly pointer: string;
  readonly detail: string;
}

/** Limit on reported mistakes: the rest would follow from the first or flood the response. */
export const maxInputErrors = 20;

/** Returns one step of an RFC 6901 JSON pointer, escaped. */
export function toPointer(step: string | number): string {
  return `/${String(step).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

interface ProblemOptions {
  /** Mistakes in the request body, cut to `maxInputErrors`. */
  readonly errors?: readonly InputError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Private: logged, never sent. */
  readonly cause?: unknown;
}

/**
 * An error that the caller may read: throw it anywhere, `error-responses.ts` turns it into a response.
 * @example
 * throw new Problem(409, 'greeting_exists', 'A greeting with this name exists already.', {
 *   errors: [{ pointer: '/name', detail: 'choose another name' }],
 * });
 */
export class Problem extends Error {
  readonly status: number;
  /** Stable and documented, because clients branch on it. */
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

/** 401 with one text for every missing or invalid token; it says where to get a new one. */
export function tokenRequired(options: Pick<ProblemOptions, 'headers' | 'cause'> = {}): Problem {
  const message = 'A valid bearer token is required. Get a new one from /auth/refresh, /auth/reset or /auth/token.';
  return new Problem(401, 'invalid_token', message, options);
}

const serviceBusyRetrySeconds = 1;

/** 503: nothing was changed, and the same request may succeed in a moment. */
export function serviceBusy(cause?: unknown): Problem {
  return new Problem(503, 'temporarily_unavailable', 'The service is busy; try again in a moment.', {
    headers: { 'retry-after': String(serviceBusyRetrySeconds) },
    cause,
  });
}
