import { collectDefaultMetrics, Registry } from 'prom-client';
import { CounterFamily, HistogramFamily } from './metrics-families.ts';
import { InferenceMetrics } from './metrics-inference.ts';
import { RequestMetrics } from './metrics-requests.ts';
import type { AnsweredRequest, LimitName, Metrics, MetricSnapshot, MetricSources } from './metrics.ts';
import type { ObservedModel, ObservedRun } from './metrics.ts';

const delaySampleMs = 20;
/** In seconds. */
const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Metrics of this process. Those counted on every request are our own; those of Node.js come from prom-client. */
export class ProcessMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #requests = new RequestMetrics();
  readonly #inference = new InferenceMetrics();
  readonly #tokenLookups = new CounterFamily(
    'mlapi_token_cache_requests_total',
    'Lookups in the cache of verified tokens.',
  );
  readonly #tokenHits = this.#tokenLookups.cell({ result: 'hit' });
  readonly #tokenMisses = this.#tokenLookups.cell({ result: 'miss' });
  readonly #rateLimited = new CounterFamily('mlapi_rate_limited_total', 'Requests rejected by a rate limit.');
  readonly #limits = {
    'per-address': this.#rateLimited.cell({ limit: 'per-address' }),
    'per-client': this.#rateLimited.cell({ limit: 'per-client' }),
    'failed-passwords': this.#rateLimited.cell({ limit: 'failed-passwords' }),
  };
  readonly #dropped = new CounterFamily(
    'mlapi_log_lines_dropped_total',
    'Log lines dropped because the log reader is too slow.',
  );
  readonly #droppedLines = this.#dropped.cell({});
  // prom-client's version depends on its own interval, and its percentiles cannot be added up over processes.
  readonly #delays = new HistogramFamily(
    'mlapi_event_loop_delay_seconds',
    `Delay of a timer that is due every ${delaySampleMs} ms.`,
    delayBounds,
  );
  #sources: MetricSources = {};

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    // Gauges that are named like counters; they only sum up other metrics.
    for (const name of ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'])
      this.#registry.removeSingleMetric(name);
    this.#sampleDelays();
  }

  requestAnswered(request: AnsweredRequest): void {
    this.#requests.requestAnswered(request);
  }

  rateLimited(limit: LimitName): void {
    this.#limits[limit].increment();
  }

  tokenLookup(isHit: boolean): void {
    (isHit ? this.#tokenHits : this.#tokenMisses).increment();
  }

  logLinesDropped(lines: number): void {
    this.#droppedLines.increment(lines);
  }

  ran(run: ObservedRun): void {
    this.#inference.ran(run);
  }

  shed(model: ObservedModel): void {
    this.#inference.shed(model);
  }

  watch(sources: MetricSources): void {
    this.#sources = { ...this.#sources, ...sources };
  }

  async read(): Promise<MetricSnapshot[]> {
    const node = (await this.#registry.getMetricsAsJSON()) as unknown as MetricSnapshot[];
    const families = [this.#tokenLookups, this.#rateLimited, this.#dropped, this.#delays];
    return [
      ...this.#requests.read(),
      ...this.#inference.read(),
      ...families.map((family) => family.read()),
      ...this.#readSources(),
      ...node,
    ];
  }

  #readSources(): MetricSnapshot[] {
    const { tokenCacheEntries, modelMemoryBytes, modelVerdicts, others } = this.#sources;
    const entries = tokenCacheEntries === undefined ? [] : [{ labels: {}, value: tokenCacheEntries() }];
    const bytes = [...(modelMemoryBytes?.() ?? [])].map(([model, value]) => ({ labels: { model }, value }));
    const verdicts = [...(modelVerdicts?.() ?? [])].map(({ models, ...labels }) => ({ labels, value: models }));
    return [
      gauge('mlapi_token_cache_entries', 'Verified tokens in the cache.', entries),
      gauge('mlapi_model_memory_bytes', 'Memory of the sessions of a model.', bytes),
      gauge(
        'mlapi_model_row_wise',
        'Models in memory by row-wise verdict: requests may share runs unless unproved.',
        verdicts,
      ),
      ...(others?.() ?? []),
    ];
  }

  #sampleDelays(): void {
    const cell = this.#delays.cell({});
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      cell.observe(Math.max(0, now - last - delaySampleMs) / 1_000);
      last = now;
    }, delaySampleMs).unref();
  }
}

function gauge(name: string, help: string, values: MetricSnapshot['values']): MetricSnapshot {
  return { name, help, type: 'gauge', aggregator: 'sum', values };
}
