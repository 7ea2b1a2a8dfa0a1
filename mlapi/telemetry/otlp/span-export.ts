import { randomBytes } from 'node:crypto';
import { Schedule } from '../../maintenance/schedule.ts';
import type { Logger } from '../logger.ts';
import type { TraceContext, TracedRequest, Tracing } from '../tracing.ts';
import { attributesOf, nanoseconds, type OtlpClient } from './otlp-client.ts';

// Sizes and interval of OpenTelemetry's SDKs.
const intervalMs = 5_000;
const maxPerExport = 512;
const maxWaiting = 2_048;
const lastLimitMs = 1_000;
const serverKind = 2;
const errorStatus = 2;

/** Exports spans to a collector in batches, one export at a time. Spans beyond 2,048 queued ones are dropped. */
export class SpanExport implements Tracing {
  readonly #client: Pick<OtlpClient, 'sendSpans'>;
  readonly #schedule: Schedule;
  #waiting: object[] = [];

  constructor(client: Pick<OtlpClient, 'sendSpans'>, logger: Pick<Logger, 'error'>) {
    this.#client = client;
    const failure = 'spans could not be exported';
    this.#schedule = new Schedule(() => this.#export(), { everyMs: intervalMs, logger, failure });
  }

  record(trace: TraceContext, request: TracedRequest): void {
    if (!trace.isSampled || this.#waiting.length >= maxWaiting) return;
    this.#waiting.push(toSpan(trace, request, Date.now()));
    if (this.#waiting.length >= maxPerExport) void this.#schedule.run();
  }

  /** Hands over the last spans; an export that goes on is not waited for. */
  async finish(): Promise<void> {
    void this.#schedule.stop();
    const spans = this.#waiting.splice(0);
    if (spans.length > 0) await this.#client.sendSpans(spans, lastLimitMs);
  }

  async #export(): Promise<void> {
    while (this.#waiting.length > 0) await this.#client.sendSpans(this.#waiting.splice(0, maxPerExport));
  }
}

/** Builds an OTLP span (opentelemetry-proto, trace.proto) with OpenTelemetry's attributes for HTTP servers. */
function toSpan(
  { traceId, parentId }: TraceContext,
  { method, route, status, milliseconds, requestId }: TracedRequest,
  endedAt: number,
): object {
  return {
    traceId,
    spanId: randomBytes(8).toString('hex'),
    parentSpanId: parentId,
    flags: 1,
    name: `${method} ${route}`,
    kind: serverKind,
    startTimeUnixNano: nanoseconds(endedAt - milliseconds),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: attributesOf({
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      'mlapi.request_id': requestId,
    }),
    ...(status >= 500 && { status: { code: errorStatus } }),
  };
}
