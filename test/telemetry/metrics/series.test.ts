import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RequestMetrics } from '../../../mlapi/telemetry/metrics/metrics-requests.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'BREW', 'PROPFIND'];
const count = (requests: RequestMetrics) => requests.read().reduce((sum, { values }) => sum + values.length, 0);

test('60,000 random requests: the number of series is bounded by routes, methods and classes of refusals', () => {
  const requests = new RequestMetrics();
  const request = (route: fc.Arbitrary<string>) =>
    fc.record({
      method: fc.constantFrom(...methods),
      route,
      status: fc.oneof(
        fc.constantFrom(200, 400, 401, 403, 404, 405, 413, 415, 429, 503),
        fc.integer({ min: 400, max: 599 }),
      ),
      seconds: fc.constant(0.001),
    });
  const send = (route: fc.Arbitrary<string>, seed: number) => {
    for (const one of fc.sample(request(route), { numRuns: 20_000, seed })) requests.requestAnswered(one);
  };

  send(
    fc.integer({ min: 0, max: 59 }).map((index) => `/route-${index}`),
    1,
  );
  const first = count(requests);
  send(
    fc.integer({ min: 0, max: 59 }).map((index) => `/route-${index}`),
    2,
  );
  send(
    fc.uuid().map((id) => `/${id}`),
    3,
  );

  const total = requests.read()[0]!.values.reduce((sum, { value }) => sum + value, 0);
  expect(total).toBe(60_000);
  // 60 routes, their 8 methods with 200, and two classes of refusals, each a histogram of 17 series; and 1,000 counters.
  expect(first).toBeLessThan(60 * 10 * 17 + 1_000 + 300);
  expect(count(requests) - first).toBeLessThan(600);
});
