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
  /** Receives the newest tokens and is awaited before they are used. Store them: they are needed after a restart. */
  readonly onTokens?: (tokens: TokenResponse) => void | Promise<void>;
  readonly timeoutMs?: number;
  readonly retries?: Partial<RetryOptions>;
  readonly timing?: Timing;
}

/** Address of the service, and a client secret, a one-time password, or stored tokens. */
export type ClientOptions = CommonOptions & (ClientSecret | Credentials | { readonly tokens: KeptTokens });

export interface PredictOptions extends CallOptions {
  /** Default: chosen by the service. `@alias` selects an alias. */
  readonly version?: string;
  readonly scores?: boolean;
}

/** A row as a list of cells in feature order, or as an object by name. */
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

/**
 * Typed client of this service: obtains and renews tokens, and retries calls when that is safe. Every call may throw {ApiError}.
 * @example
 * const client = new Client({ url: 'https://models.example.com', clientId: 'cron', clientSecret });
 * const { predictions } = await client.predict('churn', [{ age: 42, income: 1_234.5 }]);
 * for await (const { name, version } of client.models.list()) console.log(name, version);
 * client.close();
 */
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

  /** Returns name and version of the service; needs no token. */
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

  /** Returns one prediction per row, in order. */
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
   * Predicts with CSV, streamed in both directions; the service predicts once it has all rows. `source` is read no faster than the service
   * reads. If it can be opened only once, a call that broke off is not retried.
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

  /** Revokes the tokens at the service and forgets them. */
  revoke(options: CallOptions = {}): Promise<void> {
    return this.#tokens.revoke(options);
  }

  /** Closes idle connections. */
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

  /** Lists all models by name. */
  list(options: PageOptions = {}): AsyncGenerator<ListedModel, void, undefined> {
    return this.#api.pages('/api/models', 'models', options);
  }

  get(name: string, options: CallOptions = {}): Promise<ModelInformation> {
    return this.#api.json('GET', apiPath`models/${name}`, { expects: hasText('name'), options });
  }

  /** Returns the traffic of the last minutes by version: responses, latencies and input drift. */
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
