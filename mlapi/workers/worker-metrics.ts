import { addUp, countsOf } from '../telemetry/metrics/metrics-total.ts';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import { Outlets } from '../telemetry/metrics/outlets.ts';
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
  #reading: Promise<MetricSnapshot[][]> | undefined;
  /** Where they go. */
  readonly outlets = new Outlets(() => this.#read());

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
