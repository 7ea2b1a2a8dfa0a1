import type { InputError } from '../http/problem.ts';

interface ApiErrorParts {
  /** Absent if there was no response. */
  readonly status?: number | undefined;
  readonly errors?: readonly InputError[] | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

const maxDetailCharacters = 500;

/**
 * A failed call. `code` is the service's own if it sent one; otherwise `unreachable` (nothing was sent), `connection_lost` (unknown whether
 * the request was executed), `timeout`, `redirected`, `invalid_answer`, `digest_mismatch`, `tokens_lost`, or `http_` and the status.
 * Contains neither the request nor quotes of the response.
 */
export class ApiError extends Error {
  readonly status: number | undefined;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly InputError[];
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, detail: string, { status, errors = [], requestId, retryAfterSeconds }: ApiErrorParts = {}) {
    const text = toLine(detail);
    super(`${[status, toLine(code)].filter((part) => part !== undefined).join(' ')}: ${text}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = toLine(code);
    this.detail = text;
    this.errors = errors;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly requestId: string | undefined;
  readonly retryAfter: string | undefined;
}

/** Parses an error response: problem details (RFC 9457), OAuth (RFC 6749), or a proxy's page. */
export function errorOf({ status, body, requestId, retryAfter }: Refusal): ApiError {
  const found = parseObject(body);
  const text = (name: string) => (typeof found[name] === 'string' && found[name] !== '' ? found[name] : undefined);
  const errors = Array.isArray(found.errors) ? found.errors.filter(isInputError).map(cleanInputError) : [];
  return new ApiError(
    text('code') ?? text('error') ?? `http_${status}`,
    text('detail') ?? text('error_description') ?? 'The response does not come from this service.',
    { status, errors, requestId: requestId ?? text('request_id'), retryAfterSeconds: readRetryAfter(retryAfter) },
  );
}

/** RFC 9110 section 10.2.3: seconds or a date. */
function readRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1_000));
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isInputError(value: unknown): value is InputError {
  if (typeof value !== 'object' || value === null) return false;
  const { pointer, detail } = value as Record<string, unknown>;
  return typeof pointer === 'string' && typeof detail === 'string';
}

function cleanInputError({ pointer, detail }: InputError): InputError {
  return { pointer: toLine(pointer), detail: toLine(detail) };
}

/** The text may come from another server and be printed on a terminal: remove control characters and shorten it. */
function toLine(text: string): string {
  return text.slice(0, maxDetailCharacters).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
}
