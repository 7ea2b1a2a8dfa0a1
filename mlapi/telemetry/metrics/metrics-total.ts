import { AggregatorRegistry } from 'prom-client';
import type { MetricSnapshot } from './metrics.ts';

/** Aggregates the metrics of several processes: sum, mean or maximum, as each metric says. */
export function addUp(processes: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  // The registry stores values next to each metric, which its types do not declare.
  return aggregate(processes).getMetricsAsArray() as unknown as MetricSnapshot[];
}

/** Like `addUp`, in the text format of Prometheus. */
export function toText(processes: readonly (readonly MetricSnapshot[])[]): Promise<string> {
  return aggregate(processes).metrics();
}

/** Returns the metrics that must outlive a process: counters and histograms. Gauges describe its state. */
export function countsOf(metrics: readonly MetricSnapshot[]): MetricSnapshot[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
}

// Only the static method: an instance would listen to cluster messages, which have a protocol of their own here.
function aggregate(processes: readonly (readonly MetricSnapshot[])[]) {
  return AggregatorRegistry.aggregate([...processes]);
}
