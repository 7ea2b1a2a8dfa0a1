import { describe, expect, test } from '@jest/globals';
import { HistogramFamily } from '../../../mlapi/telemetry/metrics/metrics-families.ts';
import { addUp } from '../../../mlapi/telemetry/metrics/metrics-total.ts';
import { toOtlpMetrics } from '../../../mlapi/telemetry/otlp/otlp-metrics.ts';

const period = { startedAt: 1_700_000_000_000, now: 1_700_000_000_123.5 };
const times = { startTimeUnixNano: '1700000000000000000', timeUnixNano: '1700000000123500000' };
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

describe('metrics as OpenTelemetry data points', () => {
  test('a counter is a monotonic sum since the start', () => {
    const values = [{ labels: { status: 200, route: '/' }, value: 7 }];
    const counter = { name: 'a_total', help: 'What it is.', type: 'counter', aggregator: 'sum', values };
    const dataPoints = [{ ...times, attributes: [attribute('status', '200'), attribute('route', '/')], asDouble: 7 }];
    expect(toOtlpMetrics([counter], period)).toEqual([
      {
        name: 'a_total',
        description: 'What it is.',
        sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints },
      },
    ]);
  });

  test('a gauge keeps its unit; values that are not numbers are left out, and so are metrics without numbers', () => {
    const of = (name: string, ...numbers: number[]) => {
      const values = numbers.map((value, index) => ({ labels: { index }, value }));
      return { name, help: '', type: 'gauge', aggregator: 'sum', values };
    };
    const gauges = [of('b_bytes', NaN, 5, Infinity), of('c', NaN), of('d_seconds')];
    const dataPoints = [{ ...times, attributes: [attribute('index', '1')], asDouble: 5 }];
    expect(toOtlpMetrics(gauges, period)).toEqual([
      { name: 'b_bytes', description: '', unit: 'By', gauge: { dataPoints } },
    ]);
  });

  test('a histogram summed over two processes has separate buckets, not cumulative ones', () => {
    const measure = (...seconds: number[]) => {
      const family = new HistogramFamily('e_seconds', '', [0.1, 1]);
      for (const value of seconds) family.cell({ model: 'iris' }).observe(value);
      family.cell({ model: 'other' }).observe(50);
      return [family.read()];
    };
    const [metric] = toOtlpMetrics(addUp([measure(0.05, 0.5, 0.5), measure(0.5, 2)]), period);
    const buckets = { ...times, explicitBounds: [0.1, 1] };
    expect(metric).toEqual({
      name: 'e_seconds',
      description: '',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            ...buckets,
            attributes: [attribute('model', 'iris')],
            count: '5',
            sum: 3.55,
            bucketCounts: ['1', '3', '1'],
          },
          {
            ...buckets,
            attributes: [attribute('model', 'other')],
            count: '2',
            sum: 100,
            bucketCounts: ['0', '0', '2'],
          },
        ],
      },
    });
  });
});
