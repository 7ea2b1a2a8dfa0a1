import { Schedule } from '../../maintenance/schedule.ts';
import type { Logger } from '../logger.ts';
import type { MetricSnapshot } from '../metrics/metrics.ts';
import { OtlpClient } from './otlp-client.ts';
import { toOtlpMetrics } from './otlp-metrics.ts';

const lastLimitMs = 1_000;
const failure = 'metrics could not be exported';

interface ExportOptions {
  readonly endpoint: string;
  readonly intervalSeconds: number;
  readonly logger: Pick<Logger, 'error' | 'info'>;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  read(): Promise<readonly MetricSnapshot[]>;
}

/** Exports metrics to a collector in regular intervals, one export at a time. */
export class MetricsExport {
  readonly #options: ExportOptions;
  readonly #client: OtlpClient;
  readonly #schedule: Schedule;

  constructor(options: ExportOptions) {
    this.#options = options;
    this.#client = new OtlpClient(options.endpoint, options.logger);
    const everyMs = options.intervalSeconds * 1_000;
    this.#schedule = new Schedule(() => this.#export(), { everyMs, logger: options.logger, failure });
  }

  /** Whether it already exports to this endpoint in this interval. */
  isTo(endpoint: string, intervalSeconds: number): boolean {
    return endpoint === this.#options.endpoint && intervalSeconds === this.#options.intervalSeconds;
  }

  /** Ends it; an export that goes on is not waited for. */
  stop(): void {
    void this.#schedule.stop();
  }

  /** Stops with a last export, for up to a second. */
  async finish(): Promise<void> {
    this.stop();
    await this.#export(lastLimitMs).catch((cause: unknown) => this.#options.logger.error(failure, { cause }));
  }

  async #export(limitMs?: number): Promise<void> {
    const { startedAt } = this.#options;
    const metrics = toOtlpMetrics(await this.#options.read(), { startedAt, now: Date.now() });
    await this.#client.sendMetrics(metrics, limitMs);
  }
}
