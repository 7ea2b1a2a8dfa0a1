import { beforeAll, describe, expect, test } from '@jest/globals';
import { noMetrics, type Metrics, type ObservedRun } from '../../../mlapi/telemetry/metrics/metrics.ts';
import { createMetrics } from '../../../mlapi/telemetry/metrics/open-metrics.ts';

let metrics: Metrics;
beforeAll(async () => {
  metrics = await createMetrics({ metricsPort: 0 });
});

/** The value of a series, by its name and labels as Prometheus writes them, the labels in any order. */
async function valueOf(series: string): Promise<number | undefined> {
  const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  const wanted = labels.split(',').filter(Boolean).sort();
  for (const metric of await metrics.read())
    for (const { metricName = metric.name, labels: given, value } of metric.values) {
      const shown = Object.entries(given).map(([label, text]) => `${label}=${text}`);
      if (metricName === name && shown.sort().join() === wanted.join()) return value;
    }
  return undefined;
}

/** The distinct values of a label of a metric. */
async function spreadOf(name: string, label: string): Promise<Set<unknown>> {
  const metric = (await metrics.read()).find((candidate) => candidate.name === name);
  return new Set(metric?.values.map(({ labels }) => labels[label]));
}

const run: ObservedRun = {
  model: 'iris',
  version: '1',
  executor: 'inline',
  requests: 3,
  rows: 40,
  queueSeconds: 0.002,
  runSeconds: 0.000_011,
  outcome: 'ok',
};

describe('requests', () => {
  test('are counted by method, route and status, with their times in the buckets', async () => {
    const request = { method: 'POST', route: '/api/ml', status: 200 };
    for (const seconds of [0.0005, 0.0007, 0.3, 60]) metrics.requestAnswered({ ...request, seconds });
    metrics.requestAnswered({ ...request, status: 400, seconds: 0.001 });

    const labels = 'method=POST,route=/api/ml,status=200';
    expect(await valueOf(`http_requests_total{${labels}}`)).toBe(4);
    expect(await valueOf(`http_requests_total{method=POST,route=/api/ml,status=400}`)).toBe(1);
    const name = 'http_request_duration_seconds';
    expect(await valueOf(`${name}_bucket{le=0.0005,${labels}}`)).toBe(1);
    expect(await valueOf(`${name}_bucket{le=0.001,${labels}}`)).toBe(2);
    expect(await valueOf(`${name}_bucket{le=10,${labels}}`)).toBe(3);
    expect(await valueOf(`${name}_bucket{le=+Inf,${labels}}`)).toBe(4);
    expect(await valueOf(`${name}_count{${labels}}`)).toBe(4);
    expect(await valueOf(`${name}_sum{${labels}}`)).toBeCloseTo(60.3012, 6);
  });

  test('with invented methods are counted as method "other"', async () => {
    for (const method of ['BREW', 'get', '__proto__', 'PROPFIND'])
      metrics.requestAnswered({ method, route: 'other', status: 501, seconds: 0.001 });
    expect(await valueOf('http_requests_total{method=other,route=other,status=501}')).toBe(4);
    expect([...(await spreadOf('http_requests_total', 'method'))].sort()).toEqual(['POST', 'other']);
  });

  test('that were refused are timed by route and class of status', async () => {
    const refused = { route: '/refused', seconds: 0.001 };
    for (const status of [400, 401, 404]) metrics.requestAnswered({ ...refused, method: 'PATCH', status });
    metrics.requestAnswered({ ...refused, method: 'GET', status: 503 });
    expect(await valueOf('http_requests_total{method=PATCH,route=/refused,status=404}')).toBe(1);
    const name = 'http_request_duration_seconds_count';
    expect(await valueOf(`${name}{method=other,route=/refused,status=4xx}`)).toBe(3);
    expect(await valueOf(`${name}{method=other,route=/refused,status=5xx}`)).toBe(1);
    expect(await valueOf(`${name}{method=PATCH,route=/refused,status=404}`)).toBeUndefined();
  });

  test('no gauge has a counter’s name', async () => {
    const misnamed = (await metrics.read()).filter(({ name, type }) => name.endsWith('_total') && type !== 'counter');
    expect(misnamed.map(({ name }) => name)).toEqual([]);
  });

  test('with an invalid time do not spoil the sum', async () => {
    for (const seconds of [NaN, -1, Infinity])
      metrics.requestAnswered({ method: 'GET', route: '/times', status: 200, seconds });
    expect(await valueOf('http_request_duration_seconds_sum{method=GET,route=/times,status=200}')).toBe(0);
  });

  test('on more than 200 routes are counted as route "other", which bounds the number of series', async () => {
    const before = (await valueOf('http_requests_total{method=GET,route=other,status=200}')) ?? 0;
    for (let count = 0; count < 1_000; count += 1)
      metrics.requestAnswered({ method: 'GET', route: `/made-up/${count}`, status: 200, seconds: 0.001 });
    const routes = await spreadOf('http_requests_total', 'route');
    expect(routes.size).toBeLessThanOrEqual(201);
    const others = (await valueOf('http_requests_total{method=GET,route=other,status=200}')) ?? 0;
    expect(others - before).toBeGreaterThan(790);
  });
});

describe('runs of models', () => {
  test('are counted with time, wait, rows and requests', async () => {
    metrics.ran(run);
    metrics.ran({ ...run, executor: 'child', outcome: 'timeout', runSeconds: 10 });
    metrics.shed({ model: 'iris', version: '1' });

    expect(await valueOf('mlapi_inference_runs_total{model=iris,executor=inline,outcome=ok}')).toBe(1);
    expect(await valueOf('mlapi_inference_runs_total{model=iris,executor=child,outcome=timeout}')).toBe(1);
    expect(await valueOf('mlapi_inference_runs_total{model=iris,executor=child,outcome=ok}')).toBe(0);
    expect(await valueOf('mlapi_inference_duration_seconds_bucket{le=0.000025,model=iris,executor=inline}')).toBe(1);
    expect(await valueOf('mlapi_inference_duration_seconds_sum{model=iris,executor=child}')).toBe(10);
    expect(await valueOf('mlapi_inference_queue_seconds_sum{model=iris}')).toBeCloseTo(0.004, 9);
    expect(await valueOf('mlapi_inference_batch_rows_bucket{le=32,model=iris}')).toBe(0);
    expect(await valueOf('mlapi_inference_batch_rows_sum{model=iris}')).toBe(80);
    expect(await valueOf('mlapi_inference_batch_requests_sum{model=iris}')).toBe(6);
    expect(await valueOf('mlapi_inference_shed_total{model=iris}')).toBe(1);
  });

  test('are counted as model "other" from the 201st model on', async () => {
    for (let count = 0; count < 500; count += 1) metrics.ran({ ...run, model: `model-${count}` });
    expect((await spreadOf('mlapi_inference_runs_total', 'model')).size).toBeLessThanOrEqual(201);
    expect(await valueOf('mlapi_inference_batch_rows_count{model=other}')).toBeGreaterThanOrEqual(300);
  });
});

describe('other metrics', () => {
  test('tokens, limits and lost log lines are counted', async () => {
    for (const isHit of [true, true, false]) metrics.tokenLookup(isHit);
    metrics.rateLimited('per-client');
    metrics.logLinesDropped(12);
    expect(await valueOf('mlapi_token_cache_requests_total{result=hit}')).toBe(2);
    expect(await valueOf('mlapi_token_cache_requests_total{result=miss}')).toBe(1);
    expect(await valueOf('mlapi_rate_limited_total{limit=per-client}')).toBe(1);
    expect(await valueOf('mlapi_rate_limited_total{limit=per-address}')).toBe(0);
    expect(await valueOf('mlapi_log_lines_dropped_total')).toBe(12);
  });

  test('sizes are read when the metrics are', async () => {
    let entries = 1;
    metrics.watch({ tokenCacheEntries: () => entries });
    metrics.watch({ modelMemoryBytes: () => [['iris', 1_000_000]] });
    metrics.watch({ modelVerdicts: () => [{ model: 'iris', verdict: 'unproved', models: 2 }] });
    entries = 2;
    expect(await valueOf('mlapi_token_cache_entries')).toBe(2);
    expect(await valueOf('mlapi_model_memory_bytes{model=iris}')).toBe(1_000_000);
    expect(await valueOf('mlapi_model_row_wise{model=iris,verdict=unproved}')).toBe(2);
  });

  test('the event loop delay shows a blocked event loop', async () => {
    const late = 'mlapi_event_loop_delay_seconds_count';
    const short = 'mlapi_event_loop_delay_seconds_bucket{le=0.1}';
    const until = performance.now() + 200;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await valueOf(late))! - (await valueOf(short))!).toBeGreaterThanOrEqual(1);
  });

  test("Node's own metrics are included", async () => {
    const names = (await metrics.read()).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'process_cpu_seconds_total',
        'nodejs_eventloop_lag_p99_seconds',
        'nodejs_heap_size_used_bytes',
      ]),
    );
  });
});

test('without metrics nothing is counted', async () => {
  const off = await createMetrics({ metricsPort: undefined });
  expect(off).toBe(noMetrics);
  off.requestAnswered({ method: 'GET', route: '/', status: 200, seconds: 1 });
  off.ran(run);
  expect(await off.read()).toEqual([]);
});
