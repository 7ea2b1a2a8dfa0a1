import { AggregatorRegistry } from 'prom-client';
import type { MetricSnapshot } from './metrics.ts';

/** Makes one of the metrics of several processes: sums, means or maxima, as each metric has it. */
export function addUp(processes: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  // Its metrics have their values beside them, which the types do not say.
  return aggregate(processes).getMetricsAsArray() as unknown as MetricSnapshot[];
}

/** The same in the text format of Prometheus. */
export function toText(processes: readonly (readonly MetricSnapshot[])[]): Promise<string> {
  return aggregate(processes).metrics();
}

/** Returns the metrics that must survive the end of a process: counters and histograms. Gauges described its state. */
export function countsOf(metrics: readonly MetricSnapshot[]): MetricSnapshot[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
}

// Only the static method: an instance would listen to the messages of the cluster, which have a protocol of their own here.
function aggregate(processes: readonly (readonly MetricSnapshot[])[]) {
  return AggregatorRegistry.aggregate([...processes]);
}
