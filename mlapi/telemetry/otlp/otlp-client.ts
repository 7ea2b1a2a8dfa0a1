import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { withoutSlashAtEnd } from '../../config/base-url.ts';
import { version } from '../../version.ts';
import type { Logger } from '../logger.ts';

const timeoutMs = 5_000;

/** This process, in OpenTelemetry's words. */
const resource = {
  attributes: attributesOf({
    'service.name': 'mlapi',
    'service.version': version,
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
  }),
};
const scope = { name: 'mlapi', version };

/**
 * Hands telemetry to an OpenTelemetry collector: OTLP over HTTP in its JSON encoding. What a collector does not take is not kept;
 * that it is away is said once, and that it is back.
 */
export class OtlpClient {
  readonly #endpoint: string;
  readonly #logger: Pick<Logger, 'error' | 'info'>;
  #isAway = false;

  /** @param endpoint the base URL, to which `/v1/metrics` or `/v1/traces` is added */
  constructor(endpoint: string, logger: Pick<Logger, 'error' | 'info'>) {
    this.#endpoint = withoutSlashAtEnd(endpoint);
    this.#logger = logger;
  }

  /** Never rejects, and takes no more than five seconds, or this limit. */
  async sendMetrics(metrics: readonly object[], limitMs = timeoutMs): Promise<void> {
    await this.#send('metrics', { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] }, limitMs);
  }

  /** The same for spans. */
  async sendSpans(spans: readonly object[], limitMs = timeoutMs): Promise<void> {
    await this.#send('traces', { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }, limitMs);
  }

  async #send(signal: 'metrics' | 'traces', body: object, limitMs: number): Promise<void> {
    try {
      const response = await fetch(`${this.#endpoint}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(limitMs),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      if (this.#isAway) this.#logger.info('the collector takes telemetry again');
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway) this.#logger.error('the collector takes no telemetry', { reason: reasonOf(error) });
      this.#isAway = true;
    }
  }
}

/** A list of attributes; what is undefined is left out. */
export function attributesOf(values: Readonly<Record<string, string | number | undefined>>): object[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      key,
      // In JSON, 64-bit integers are strings.
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    }));
}

/** Nanoseconds since the epoch, which no number holds. */
export function nanoseconds(epochMs: number): string {
  return String(BigInt(Math.round(epochMs * 1_000)) * 1_000n);
}

/** Returns the cause of a failed `fetch`, whose own message says only "fetch failed". */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? message;
}
