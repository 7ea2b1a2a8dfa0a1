import type { TokenResponse } from '../auth/types.ts';
import type { PredictionResponse } from '../inference/postprocessing/prediction-response.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';
import { Aliases } from './aliases.ts';
import { Api, hasText, type PageOptions } from './api.ts';
import { Attempts, defaultRetries, type CallOptions, type RetryOptions } from './attempts.ts';
import { CsvStream } from './csv-stream.ts';
import { realTiming, type Timing } from './deadline.ts';
import { apiPath, queryOf } from './paths.ts';
import { jsonPayload, streamedPayload, type Source } from './payload.ts';
import { TokenHolder, type ClientSecret, type Credentials, type KeptTokens } from './token-holder.ts';
import { Transport, type Address } from './transport.ts';
import { Versions } from './versions.ts';

export { ApiError } from './api-error.ts';
export type { CallOptions, KeptTokens, PageOptions, RetryOptions, Source, TokenResponse };

const defaultTimeoutMs = 30_000;

interface CommonOptions extends Address {
  /** Called with the newest tokens, and awaited, before one of them is used: they are the way back in after a restart. */
  readonly onTokens?: (tokens: TokenResponse) => void | Promise<void>;
  readonly timeoutMs?: number;
  readonly retries?: Partial<RetryOptions>;
  readonly timing?: Timing;
}

/** Where the service is, and the secret of a reusable client, a password that is good for one reset, or the tokens that came of one. */
export type ClientOptions = CommonOptions & (ClientSecret | Credentials | { readonly tokens: KeptTokens });

export interface PredictOptions extends CallOptions {
  /** By default the service's own; `@alias` where it knows aliases. */
  readonly version?: string;
  readonly scores?: boolean;
}

/** A row: cells in feature order, or by name. */
export type NamedRow = Readonly<Record<string, unknown>>;

export type Row = readonly unknown[] | NamedRow;

export interface HealthResponse {
  readonly status: string;
  readonly service: string;
  readonly version: string;
}

export interface SessionResponse {
  readonly client: string;
  readonly scopes: readonly string[];
  readonly expiresAt: string;
}

/** A typed client of this service: it gets tokens, renews them and tries again where that is safe. Every call may throw {ApiError}. */
export class Client {
  readonly versions: Versions;
  readonly aliases: Aliases;
  readonly models: Models;
  readonly #api: Api;
  readonly #attempts: Attempts;
  readonly #tokens: TokenHolder;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    const { timing = realTiming, timeoutMs = defaultTimeoutMs, onTokens } = options;
    this.#transport = new Transport(options);
    const retries = { ...defaultRetries, ...options.retries };
    this.#attempts = new Attempts({ transport: this.#transport, timing, retries, timeoutMs });
    const start = 'tokens' in options ? options.tokens : options;
    this.#tokens = new TokenHolder({ attempts: this.#attempts, timing, start, onTokens });
    this.#api = new Api(this.#attempts, this.#tokens);
    this.models = new Models(this.#api);
    this.versions = new Versions(this.#api);
    this.aliases = new Aliases(this.#api);
  }

  /** Name and version of what answers; needs no token. */
  health(options: CallOptions = {}): Promise<HealthResponse> {
    const call = { method: 'GET', path: '/api', isRepeatable: true };
    return this.#attempts.perform(call, (answer) => answer.json(hasText('service')), options);
  }

  /** Whether all models can serve; needs no token. */
  ready(options: CallOptions = {}): Promise<boolean> {
    return this.#attempts.perform(
      { method: 'GET', path: '/api/readiness', isRepeatable: true, accepts: [503] },
      async (answer) => {
        await answer.discard();
        return answer.isOk;
      },
      options,
    );
  }

  /** Returns the client, scopes and expiry of the access token. */
  session(options: CallOptions = {}): Promise<SessionResponse> {
    return this.#api.json('GET', '/auth/session', { expects: hasText('client'), options });
  }

  /** One prediction for each row, in their order. */
  predict(
    model: string,
    rows: NamedRow | readonly Row[],
    { version, scores, ...options }: PredictOptions = {},
  ): Promise<PredictionResponse> {
    const count = Array.isArray(rows) ? rows.length : 1;
    return this.#api.json('POST', predictPath(model, version, scores), {
      payload: jsonPayload(rows),
      expects: ({ predictions }) => Array.isArray(predictions) && predictions.length === count,
      options,
    });
  }

  /**
   * The same for CSV, both ways as a stream; the service predicts when it has all rows. `source` is sent no faster than the service
   * reads. Where it can be opened only once, a call that broke off in its middle is not tried again.
   */
  async predictCsv(
    model: string,
    source: Source,
    { version, scores, ...options }: PredictOptions = {},
  ): Promise<CsvStream> {
    return new CsvStream(
      await this.#api.stream('POST', predictPath(model, version, scores), {
        payload: streamedPayload('text/csv', source),
        mediaType: 'text/csv',
        options,
      }),
    );
  }

  /** Ends the tokens, here and at the service. */
  revoke(options: CallOptions = {}): Promise<void> {
    return this.#tokens.revoke(options);
  }

  /** Closes the connections that are kept for the next call. */
  close(): void {
    this.#transport.close();
  }
}

export interface ListedModel {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly sha256: string;
}

/** The models of the service. */
class Models {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** All models, by name. */
  list(options: PageOptions = {}): AsyncGenerator<ListedModel, void, undefined> {
    return this.#api.pages('/api/models', 'models', options);
  }

  get(name: string, options: CallOptions = {}): Promise<ModelInformation> {
    return this.#api.json('GET', apiPath`models/${name}`, { expects: hasText('name'), options });
  }

  /** Returns what the versions answered in the last minutes, how fast, and how far their inputs have drifted. */
  traffic(
    name: string,
    { minutes, ...options }: CallOptions & { readonly minutes?: number } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const path = apiPath`models/${name}/traffic` + queryOf({ minutes });
    return this.#api.json('GET', path, { expects: ({ versions }) => Array.isArray(versions), options });
  }
}

function predictPath(model: string, version: string | undefined, scores: boolean | undefined): string {
  const path =
    version === undefined ? apiPath`models/${model}/predict` : apiPath`models/${model}/versions/${version}/predict`;
  return path + queryOf({ scores });
}
