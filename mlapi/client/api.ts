import { ApiError } from './api-error.ts';
import type { Attempts, Call, CallOptions, TokenSource } from './attempts.ts';
import { queryOf } from './paths.ts';
import type { ServiceResponse } from './response.ts';

type Expectation = (value: Readonly<Record<string, unknown>>) => boolean;
type ApiCall = Omit<Call, 'method' | 'path' | 'isRepeatable'> & { readonly isRepeatable?: boolean };

/** Page size, and the name after which to start. */
export interface PageOptions extends CallOptions {
  readonly limit?: number;
  readonly after?: string;
}

/** Calls authenticated routes, by kind of response. */
export class Api {
  readonly #attempts: Attempts;
  readonly #tokens: TokenSource;

  constructor(attempts: Attempts, tokens: TokenSource) {
    this.#attempts = attempts;
    this.#tokens = tokens;
  }

  /** Calls a route that returns JSON. @param expects whether an object is the expected response; default: any object */
  json<T>(
    method: string,
    path: string,
    { expects = () => true, options, ...call }: ApiCall & { expects?: Expectation; options: CallOptions },
  ): Promise<T> {
    const read = (answer: ServiceResponse) => answer.json<T>(expects);
    return this.#attempts.perform({ isRepeatable: true, ...call, method, path }, read, options, this.#tokens);
  }

  /** Calls a route whose response body is ignored. */
  empty(method: string, path: string, { options, ...call }: ApiCall & { options: CallOptions }): Promise<void> {
    const read = (answer: ServiceResponse) => answer.discard();
    return this.#attempts.perform({ isRepeatable: true, ...call, method, path }, read, options, this.#tokens);
  }

  /** Calls a route whose response is streamed. @throws {ApiError} if it has another media type */
  stream(
    method: string,
    path: string,
    { mediaType, options, ...call }: ApiCall & { mediaType: string; options: CallOptions },
  ): Promise<ServiceResponse> {
    const headers = { accept: mediaType };
    const read = async (answer: ServiceResponse) => {
      if (answer.mediaType === mediaType) return answer;
      await answer.discard();
      throw new ApiError('invalid_answer', `The response is not ${mediaType}.`, { status: answer.status });
    };
    const whole = { isRepeatable: true, isStreamed: true, headers, ...call, method, path };
    return this.#attempts.perform(whole, read, options, this.#tokens);
  }

  /** Yields every item of a list, fetching pages on demand. */
  async *pages<T>(
    path: string,
    member: string,
    { limit, after, ...options }: PageOptions,
  ): AsyncGenerator<T, void, undefined> {
    for (let next = after; ;) {
      const query = queryOf({ limit, after: next });
      const page = await this.json<Record<string, unknown>>('GET', `${path}${query}`, {
        expects: (value) => Array.isArray(value[member]),
        options,
      });
      yield* page[member] as T[];
      if (typeof page.next !== 'string') return;
      // A page that points to itself would loop forever.
      if (page.next === next) throw new ApiError('invalid_answer', 'The next page of the list is the same page.');
      next = page.next;
    }
  }
}

/** Expects an object with a string of this name. */
export function hasText(name: string): Expectation {
  return (value) => typeof value[name] === 'string';
}
