import type { Contract } from '../../inference/contract/types.ts';
import type { MetricSnapshot, MetricValue } from '../../telemetry/metrics/metrics.ts';
import type { Counter } from './counter.ts';
import { addCounts, latencyBounds, newCounts, type Counts } from './counts.ts';
import { driftOf } from './drift.ts';
import type { InputBins } from './input-bins.ts';

interface Series {
  readonly labels: Readonly<Record<'model' | 'version' | 'role', string>>;
  readonly counts: Counts;
}

interface WatchedInputs {
  readonly model: string;
  readonly version: string;
  readonly contract: Pick<Contract, 'features' | 'reference'>;
  readonly bins: InputBins;
}

/** Further versions are counted together as `other`. */
const maxSeries = 200;

export function trafficMetrics(counters: readonly Counter[], inputs: readonly WatchedInputs[]): MetricSnapshot[] {
  const series: Series[] = counters
    .slice(0, maxSeries)
    .map(({ model, version, role, total }) => ({ labels: { model, version, role }, counts: total }));
  if (counters.length > maxSeries) {
    const counts = newCounts();
    for (const { total } of counters.slice(maxSeries)) addCounts(counts, total);
    series.push({ labels: { model: 'other', version: '', role: '' }, counts });
  }
  const shadows = series.filter(({ counts }) => counts.compared > 0);
  const count = (name: string, help: string, values: MetricValue[]) => counter(name, help, values);
  return [
    count(
      'mlapi_traffic_requests_total',
      'Predictions by version and outcome.',
      series.flatMap(({ labels, counts }) =>
        Object.entries(counts.requests).map(([outcome, value]) => ({ labels: { ...labels, outcome }, value })),
      ),
    ),
    durations(series),
    count(
      'mlapi_traffic_compared_rows_total',
      'Rows that were also predicted by a shadow.',
      shadows.map(({ labels, counts }) => ({ labels, value: counts.compared })),
    ),
    count(
      'mlapi_traffic_disagreeing_rows_total',
      'Rows that a shadow predicted differently.',
      shadows.map(({ labels, counts }) => ({ labels, value: counts.disagreements })),
    ),
    {
      name: 'mlapi_traffic_input_drift',
      help: 'Largest population stability index of a version’s features over the last 10 to 20 minutes.',
      type: 'gauge',
      aggregator: 'average',
      values: inputs.slice(0, maxSeries).flatMap(({ model, version, contract, bins }) => {
        const [largest] = driftOf(contract, bins.recent()) ?? [];
        return largest === undefined ? [] : [{ labels: { model, version }, value: largest.psi }];
      }),
    },
  ];
}

function counter(name: string, help: string, values: MetricValue[]): MetricSnapshot {
  return { name, help, type: 'counter', aggregator: 'sum', values };
}

function durations(series: readonly Series[]): MetricSnapshot {
  const name = 'mlapi_traffic_duration_seconds';
  const values = series.flatMap(({ labels, counts: { latency, seconds } }) => {
    let sum = 0;
    const buckets = latency.map((count, bin) => ({
      labels: { ...labels, le: latencyBounds[bin] ?? '+Inf' },
      value: (sum += count),
      metricName: `${name}_bucket`,
    }));
    const rest = [
      { labels, value: seconds, metricName: `${name}_sum` },
      { labels, value: sum, metricName: `${name}_count` },
    ];
    return [...buckets, ...rest];
  });
  const help = 'Duration of a prediction by version.';
  return { name, help, type: 'histogram', aggregator: 'sum', values };
}
