import type { Logger } from '../telemetry/logger.ts';
import { MetricsServer } from '../telemetry/metrics/metrics-server.ts';
import { addUp, countsOf, toText } from '../telemetry/metrics/metrics-total.ts';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { MetricsExport } from '../telemetry/otlp/metrics-export.ts';
import type { OtlpConfig } from '../telemetry/otlp/variables.ts';
import type { WorkerHandle } from './worker-handle.ts';

const states = { ready: ['ready'], starting: ['starting', 'candidate'], leaving: ['leaving'] } as const;

/**
 * Combined metrics of all workers and the supervisor. Counts of exited workers are kept; those of a killed worker up to its last report.
 */
export class WorkerMetrics {
  readonly #members = new Set<WorkerHandle>();
  /** Summed counts of all workers that have exited. */
  #ended: MetricSnapshot[] = [];
  #restarts = 0;
  #missed = 0;
  #server: MetricsServer | undefined;
  #port: number | undefined;
  #reading: Promise<MetricSnapshot[][]> | undefined;
  readonly #startedAt = Date.now();
  #otlpExport: MetricsExport | undefined;

  /**
   * Serves the metrics on this port; undefined stops serving.
   * @returns the URL, if it has changed
   * @throws {Error} if it cannot listen; then nothing has changed
   */
  async listen(port: number | undefined): Promise<string | undefined> {
    if (port === this.#port) return undefined;
    const server =
      port === undefined ? undefined : await MetricsServer.open(port, async () => toText(await this.#read()));
    this.#server?.close();
    this.#server = server;
    this.#port = port;
    return server?.url;
  }

  /** Exports the metrics to the configured collector, or to none. */
  async exportToOtlp(
    { otlpEndpoint: endpoint, otlpIntervalSeconds: intervalSeconds }: Partial<OtlpConfig>,
    logger: Pick<Logger, 'error' | 'info'>,
  ): Promise<void> {
    const isOff = endpoint === undefined || intervalSeconds === undefined;
    if (!isOff && this.#otlpExport?.isTo(endpoint, intervalSeconds) === true) return;
    this.#otlpExport?.stop();
    this.#otlpExport = undefined;
    if (isOff) return;
    const { MetricsExport } = await import('../telemetry/otlp/metrics-export.ts');
    const read = async () => addUp(await this.#read());
    this.#otlpExport = new MetricsExport({ endpoint, intervalSeconds, logger, startedAt: this.#startedAt, read });
    logger.info('metrics are exported', { collector: new URL(endpoint).origin, interval_seconds: intervalSeconds });
  }

  /** Exports the last counts, after the workers have exited. */
  async finishOtlp(): Promise<void> {
    await this.#otlpExport?.finish();
  }

  watch(member: WorkerHandle): void {
    this.#members.add(member);
    void member.exited.then(() => {
      this.#members.delete(member);
      this.#ended = addUp([this.#ended, countsOf(member.metrics)]);
    });
  }

  countRestart(): void {
    this.#restarts += 1;
  }

  /** Concurrent requests share one reading. */
  #read(): Promise<MetricSnapshot[][]> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readAll(): Promise<MetricSnapshot[][]> {
    const asked = [...this.#members].filter(({ readyForMs }) => readyForMs !== undefined);
    const isAnswered = await Promise.all(asked.map((member) => member.measure()));
    const fresh = new Set(asked.filter((_member, index) => isAnswered[index]));
    this.#missed += asked.length - fresh.size;
    // Workers that exited meanwhile are in `#ended`.
    const members = [...this.#members].map((member) =>
      fresh.has(member) ? [...member.metrics] : countsOf(member.metrics),
    );
    return [...members, this.#ended, this.#own()];
  }

  #own(): MetricSnapshot[] {
    const workers = Object.entries(states).map(([state, ofMember]) => ({
      labels: { state },
      value: [...this.#members].filter((member) => (ofMember as readonly string[]).includes(member.state)).length,
    }));
    const gauge = { type: 'gauge', aggregator: 'sum' };
    const counter = { type: 'counter', aggregator: 'sum' };
    return [
      { ...gauge, name: 'mlapi_workers', help: 'Worker processes.', values: workers },
      {
        ...counter,
        name: 'mlapi_worker_restarts_total',
        help: 'Workers that exited unexpectedly.',
        values: [{ labels: {}, value: this.#restarts }],
      },
      {
        ...counter,
        name: 'mlapi_metrics_missed_total',
        help: 'Worker metrics that were not reported in time.',
        values: [{ labels: {}, value: this.#missed }],
      },
    ];
  }
}
