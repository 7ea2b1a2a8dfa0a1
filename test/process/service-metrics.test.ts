import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { TestProcess } from '../support/child.ts';
import { metricsUrlOf, scrape, type Series } from '../support/scrape.ts';
import { ask, serveWithClients } from '../support/running.ts';

jest.setTimeout(120_000);

const model = 'nsl-kdd-classifier';
const sample = JSON.parse(readFileSync(`resources/models/${model}/sample.json`, 'utf8')) as object;

/** The request metrics of the service as shipped. */
describe('the metrics of the service', () => {
  let service: TestProcess;
  let series: Series;
  beforeAll(async () => {
    const variables = {
      MLAPI_METRICS_PORT: '0',
      MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '2',
      MLAPI_RATE_LIMIT_PER_MINUTE: '5',
    };
    const running = await serveWithClients(['somebody'], variables);
    const { url } = running;
    ({ service } = running);
    const token = running.tokens[0]!.access_token;
    const predict = () => ask(`${url}/api/models/${model}/predict`, { method: 'POST', token, body: sample });
    for (let at = 0; at < 5; at += 1) expect((await predict()).status).toBe(200);
    expect((await predict()).status).toBe(429);
    expect((await ask(`${url}/api/ml`, { method: 'POST', body: sample })).status).toBe(401);
    expect((await ask(`${url}/api/made-up-by-a-caller`)).status).toBe(401);
    for (let at = 0; at < 3; at += 1) await ask(`${url}/auth/refresh`, { method: 'POST', token });
    series = await scrape(await metricsUrlOf(service));
  });
  afterAll(() => service.kill());

  test('count requests by route and status; unknown paths get no route of their own', () => {
    const route = `/api/models/{name}/predict`;
    expect(series[`http_requests_total{method="POST",route="${route}",status="200"}`]).toBe(5);
    expect(series[`http_request_duration_seconds_count{method="POST",route="${route}",status="200"}`]).toBe(5);
    // Includes requests refused before they reached their route.
    expect(series[`http_requests_total{method="POST",route="${route}",status="429"}`]).toBe(1);
    expect(series['http_requests_total{method="POST",route="/api/ml",status="401"}']).toBe(1);
    expect(series['http_requests_total{method="GET",route="other",status="401"}']).toBe(1);
    expect(Object.keys(series).filter((name) => name.includes('made-up'))).toEqual([]);
  });

  test('count runs, rows, limits and tokens', () => {
    expect(
      series[`mlapi_inference_runs_total{model="${model}",executor="inline",outcome="ok"}`],
    ).toBeGreaterThanOrEqual(5);
    expect(series[`mlapi_inference_batch_rows_count{model="${model}"}`]).toBeGreaterThanOrEqual(5);
    expect(series['mlapi_rate_limited_total{limit="per-client"}']).toBe(1);
    expect(series['mlapi_rate_limited_total{limit="per-address"}']).toBeGreaterThan(0);
    expect(series['mlapi_token_cache_requests_total{result="hit"}']).toBeGreaterThanOrEqual(5);
    expect(series.mlapi_token_cache_entries).toBe(1);
  });
});
