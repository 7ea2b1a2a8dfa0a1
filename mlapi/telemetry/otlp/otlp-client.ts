import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { withoutSlashAtEnd } from '../../config/base-url.ts';
import { serviceName, version } from '../../version.ts';
import type { Logger } from '../logger.ts';

const timeoutMs = 5_000;

/** Identity of this process as an OpenTelemetry resource. */
const resource = {
  attributes: attributesOf({
    'service.name': serviceName,
    'service.version': version,
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
  }),
};
const scope = { name: serviceName, version };

/**
 * Sends telemetry to an OpenTelemetry collector: OTLP over HTTP with JSON. Telemetry that cannot be sent is dropped; an outage is logged
 * once, and so is its end.
 */
export class OtlpClient {
  readonly #endpoint: string;
  readonly #logger: Pick<Logger, 'error' | 'info'>;
  #isAway = false;

  /** @param endpoint base URL, to which `/v1/metrics` or `/v1/traces` is appended */
  constructor(endpoint: string, logger: Pick<Logger, 'error' | 'info'>) {
    this.#endpoint = withoutSlashAtEnd(endpoint);
    this.#logger = logger;
  }

  /** Never rejects. @param limitMs time limit, by default 5 s */
  async sendMetrics(metrics: readonly object[], limitMs = timeoutMs): Promise<void> {
    await this.#send('metrics', { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] }, limitMs);
  }

  /** Like `sendMetrics`. */
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
      if (!response.ok) throw new Error(`the collector responded with status ${response.status}`);
      if (this.#isAway) this.#logger.info('the collector accepts telemetry again');
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway) this.#logger.error('telemetry cannot be sent to the collector', { reason: reasonOf(error) });
      this.#isAway = true;
    }
  }
}

/** Returns a list of OTLP attributes; undefined values are left out. */
export function attributesOf(values: Readonly<Record<string, string | number | undefined>>): object[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      key,
      // OTLP/JSON represents 64-bit integers as strings.
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    }));
}

/** Nanoseconds since the epoch as text: a number cannot hold them exactly. */
export function nanoseconds(epochMs: number): string {
  return String(BigInt(Math.round(epochMs * 1_000)) * 1_000n);
}

/** Returns the cause of a failed `fetch`, whose message says only "fetch failed". */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? message;
}
