import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, jest, test } from '@jest/globals';
import { startCompiled, type TestProcess } from '../support/child.ts';
import { TestCollector, type Received } from '../support/collector.ts';
import { hasOtlpMessages, parseExport } from '../support/otlp.ts';
import { temporaryFolder } from '../support/service.ts';
import { serviceName } from '../../mlapi/version.ts';
import { ask } from '../support/running.ts';

jest.setTimeout(120_000);

let service: TestProcess | undefined;
let collector: TestCollector | undefined;
afterEach(async () => {
  await service?.kill();
  await collector?.close();
});

/** A supervisor whose workers count their requests. */
async function start(variables: Record<string, string>, cwd = temporaryFolder()) {
  const started = startCompiled('test/support/metered-service.ts', [], { variables, cwd });
  service = started;
  const [, url = ''] = await started.says(/"address":"(http[^"]+)"/);
  return { started, url };
}

/** The same, exporting to this collector every second. */
function exportTo(port: number, variables: Record<string, string> = {}) {
  const endpoint = `http://127.0.0.1:${port}/`;
  return start({ MLAPI_OTLP_ENDPOINT: endpoint, MLAPI_OTLP_INTERVAL_SECONDS: '1', ...variables });
}

interface Exported {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue: string } }[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble: number }[] };
}

const metricsOf = (body: unknown) => (body as Exported).resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];

/** The sum of a counter over all labels. */
function totalOf({ body }: Received, name: string): number {
  const metric = metricsOf(JSON.parse(body)).find((one) => one.name === name);
  return (metric?.sum?.dataPoints ?? []).reduce((sum, { asDouble }) => sum + asDouble, 0);
}

test('a collector gets the metrics of all workers', async () => {
  collector = await TestCollector.open();
  const { url } = await exportTo(collector.port, { MLAPI_WORKERS: '2' });
  for (let at = 0; at < 5; at += 1) await ask(url);
  const got = await collector.gets((received) => totalOf(received, 'http_requests_total') === 5);
  expect([got.path, got.type]).toEqual(['/v1/metrics', 'application/json']);
  const { attributes } = (JSON.parse(got.body) as Exported).resourceMetrics[0]!.resource;
  expect(attributes).toContainEqual({ key: 'service.name', value: { stringValue: serviceName } });
});

test('the counts since the last export are sent when the service stops', async () => {
  collector = await TestCollector.open();
  const { started, url } = await exportTo(collector.port, { MLAPI_OTLP_INTERVAL_SECONDS: '3600' });
  await ask(url);
  expect(await started.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(collector.received.map((received) => totalOf(received, 'http_requests_total'))).toEqual([1]);
});

test('a failing or absent collector costs one log line, and no counts are lost once it is back', async () => {
  collector = await TestCollector.open();
  const { port } = collector;
  collector.status = 503;
  const { started, url } = await exportTo(port);
  await ask(url);
  await started.says(/"telemetry cannot be sent to the collector","reason":"the collector responded with status 503"/);
  const refused = collector.received.length;
  await collector.gets(() => collector!.received.length > refused + 1);
  await collector.close();
  expect((await ask(url)).status).toBe(200);
  collector = await TestCollector.open(port);
  await collector.gets((received) => totalOf(received, 'http_requests_total') === 2);
  await started.says(/"the collector accepts telemetry again"/);
  expect(started.stdout.match(/telemetry cannot be sent/g)).toHaveLength(1);
});

test('a reload switches to another collector, with all counts so far', async () => {
  collector = await TestCollector.open();
  const other = await TestCollector.open();
  const cwd = temporaryFolder();
  const write = ({ port }: TestCollector) =>
    writeFileSync(join(cwd, '.env'), `MLAPI_OTLP_ENDPOINT=http://127.0.0.1:${port}\nMLAPI_OTLP_INTERVAL_SECONDS=1\n`);
  write(collector);
  const { started, url } = await start({}, cwd);
  await ask(url);
  await collector.gets((received) => totalOf(received, 'http_requests_total') === 1);
  write(other);
  started.child.kill('SIGHUP');
  await started.says(/"reloaded"/);
  const before = collector.received.length;
  await other.gets((received) => totalOf(received, 'http_requests_total') === 1 && other.received.length > 2);
  expect(collector.received).toHaveLength(before);
  await other.close();
});

const testWithMessages = hasOtlpMessages('metrics as OpenTelemetry’s own messages read them') ? test : test.skip;
testWithMessages('OpenTelemetry’s own messages parse the export the same', async () => {
  collector = await TestCollector.open();
  const { url } = await exportTo(collector.port);
  await ask(url);
  const got = await collector.gets((received) => totalOf(received, 'http_requests_total') === 1);
  const read = metricsOf(parseExport(got));
  const sent = metricsOf(JSON.parse(got.body));
  expect(read.map(({ name }) => name)).toEqual(sent.map(({ name }) => name));
  expect(read.find(({ name }) => name === 'http_request_duration_seconds')).toMatchObject({
    histogram: {
      aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
      dataPoints: [{ count: '1', sum: 0.002, bucketCounts: ['0', '0', '1', ...Array<string>(12).fill('0')] }],
    },
  });
});
