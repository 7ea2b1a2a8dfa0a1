import { ApiError } from './api-error.ts';
import type { Attempts, Call, CallOptions, TokenSource } from './attempts.ts';
import { queryOf } from './paths.ts';
import type { ServiceResponse } from './response.ts';

type Expectation = (value: Readonly<Record<string, unknown>>) => boolean;
type ApiCall = Omit<Call, 'method' | 'path' | 'isRepeatable'> & { readonly isRepeatable?: boolean };

/** How many of a list are asked for at once, and where to begin. */
export interface PageOptions extends CallOptions {
  readonly limit?: number;
  readonly after?: string;
}

/** The routes behind the guard, by what they answer. */
export class Api {
  readonly #attempts: Attempts;
  readonly #tokens: TokenSource;

  constructor(attempts: Attempts, tokens: TokenSource) {
    this.#attempts = attempts;
    this.#tokens = tokens;
  }

  /** @param expects what must hold, or it is not the answer; by default that it is an object */
  json<T>(
    method: string,
    path: string,
    { expects = () => true, options, ...call }: ApiCall & { expects?: Expectation; options: CallOptions },
  ): Promise<T> {
    const read = (answer: ServiceResponse) => answer.json<T>(expects);
    return this.#attempts.perform({ isRepeatable: true, ...call, method, path }, read, options, this.#tokens);
  }

  /** For answers whose body says nothing. */
  empty(method: string, path: string, { options, ...call }: ApiCall & { options: CallOptions }): Promise<void> {
    const read = (answer: ServiceResponse) => answer.discard();
    return this.#attempts.perform({ isRepeatable: true, ...call, method, path }, read, options, this.#tokens);
  }

  /** For answers that are not kept. @throws {ApiError} unless it is of the media type */
  stream(
    method: string,
    path: string,
    { mediaType, options, ...call }: ApiCall & { mediaType: string; options: CallOptions },
  ): Promise<ServiceResponse> {
    const headers = { accept: mediaType };
    const read = async (answer: ServiceResponse) => {
      if (answer.mediaType === mediaType) return answer;
      await answer.discard();
      throw new ApiError('invalid_answer', `The answer is not ${mediaType}.`, { status: answer.status });
    };
    const whole = { isRepeatable: true, isStreamed: true, headers, ...call, method, path };
    return this.#attempts.perform(whole, read, options, this.#tokens);
  }

  /** Every item of a list, page by page as they are asked for. */
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
      // A page that points to itself would never end.
      if (page.next === next) throw new ApiError('invalid_answer', 'The list does not go on.');
      next = page.next;
    }
  }
}

/** That an answer has a text of this name, without which it is another one. */
export function hasText(name: string): Expectation {
  return (value) => typeof value[name] === 'string';
}
