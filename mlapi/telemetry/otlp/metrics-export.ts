import type { Logger } from '../logger.ts';
import type { MetricSnapshot } from '../metrics/metrics.ts';
import { OtlpClient } from './otlp-client.ts';
import { toOtlpMetrics } from './otlp-metrics.ts';

const lastLimitMs = 1_000;

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
  readonly #timer: NodeJS.Timeout;
  #isExporting = false;

  constructor(options: ExportOptions) {
    this.#options = options;
    this.#client = new OtlpClient(options.endpoint, options.logger);
    this.#timer = setInterval(() => void this.#exportInTurn(), options.intervalSeconds * 1_000);
  }

  /** Whether it already exports to this endpoint in this interval. */
  isTo(endpoint: string, intervalSeconds: number): boolean {
    return endpoint === this.#options.endpoint && intervalSeconds === this.#options.intervalSeconds;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Stops with a last export, for up to a second. */
  async finish(): Promise<void> {
    this.stop();
    await this.#export(lastLimitMs);
  }

  async #exportInTurn(): Promise<void> {
    if (this.#isExporting) return;
    this.#isExporting = true;
    await this.#export();
    this.#isExporting = false;
  }

  async #export(limitMs?: number): Promise<void> {
    const { startedAt, logger } = this.#options;
    try {
      const metrics = toOtlpMetrics(await this.#options.read(), { startedAt, now: Date.now() });
      await this.#client.sendMetrics(metrics, limitMs);
    } catch (cause) {
      logger.error('metrics could not be exported', { cause });
    }
  }
}
