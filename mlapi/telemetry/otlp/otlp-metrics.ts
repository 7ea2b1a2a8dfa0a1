import type { MetricSnapshot, MetricValue } from '../metrics/metrics.ts';
import { attributesOf, nanoseconds } from './otlp-client.ts';

/** Counted since the start of the process: a lost export is covered by the next one. */
const cumulative = 2;

interface Period {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly now: number;
}

/** Converts metrics to OTLP/JSON (opentelemetry-proto, metrics.proto): 64-bit integers as strings, enums as numbers. */
export function toOtlpMetrics(metrics: readonly MetricSnapshot[], { startedAt, now }: Period): object[] {
  const period = { startTimeUnixNano: nanoseconds(startedAt), timeUnixNano: nanoseconds(now) };
  return metrics.flatMap((metric) => {
    const { name, help } = metric;
    const data = dataOf(metric, period);
    return data === undefined ? [] : [{ name, description: help, ...unitOf(name), ...data }];
  });
}

type Times = Readonly<Record<'startTimeUnixNano' | 'timeUnixNano', string>>;

function dataOf({ type, values }: MetricSnapshot, times: Times): object | undefined {
  // JSON cannot represent NaN.
  const finite = values.filter(({ value }) => Number.isFinite(value));
  if (finite.length === 0) return undefined;
  if (type === 'histogram')
    return { histogram: { aggregationTemporality: cumulative, dataPoints: buckets(finite, times) } };
  const dataPoints = finite.map(({ labels, value }) => ({
    ...times,
    attributes: textAttributes(labels),
    asDouble: value,
  }));
  if (type === 'counter') return { sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints } };
  return type === 'gauge' ? { gauge: { dataPoints } } : undefined;
}

interface Buckets {
  readonly labels: MetricValue['labels'];
  /** Cumulative counts by upper bound, ascending. */
  readonly cumulative: [bound: number, count: number][];
  sum: number;
}

/** Combines the series of a Prometheus histogram into one OTLP data point with non-cumulative buckets. */
function buckets(values: readonly MetricValue[], times: Times): object[] {
  const points = new Map<string, Buckets>();
  for (const { labels: all, value, metricName = '' } of values) {
    const { le, ...labels } = all;
    const key = JSON.stringify(Object.entries(labels).sort());
    const point = points.get(key) ?? { labels, cumulative: [], sum: 0 };
    points.set(key, point);
    if (metricName.endsWith('_sum')) point.sum = value;
    else if (le !== undefined) point.cumulative.push([le === '+Inf' ? Infinity : Number(le), value]);
  }
  return [...points.values()].map(({ labels, cumulative, sum }) => {
    cumulative.sort(([a], [b]) => a - b);
    const counts = cumulative.map(([, count], index) => count - (cumulative[index - 1]?.[1] ?? 0));
    return {
      ...times,
      attributes: textAttributes(labels),
      count: String(cumulative.at(-1)?.[1] ?? 0),
      sum,
      bucketCounts: counts.map(String),
      explicitBounds: cumulative.slice(0, -1).map(([bound]) => bound),
    };
  });
}

function textAttributes(labels: MetricValue['labels']): object[] {
  return attributesOf(Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)])));
}

/** UCUM unit, derived from the name. */
function unitOf(name: string): { unit?: string } {
  const [, word] = /_(seconds|bytes)(?:_total)?$/.exec(name) ?? [];
  return word === undefined ? {} : { unit: word === 'seconds' ? 's' : 'By' };
}
