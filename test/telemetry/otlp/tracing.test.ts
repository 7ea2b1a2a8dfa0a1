import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { OtlpClient } from '../../../mlapi/telemetry/otlp/otlp-client.ts';
import { SpanExport } from '../../../mlapi/telemetry/otlp/span-export.ts';
import { readTraceparent } from '../../../mlapi/telemetry/tracing.ts';
import { TestCollector, type Received } from '../../support/collector.ts';
import { hasOtlpMessages, parseExport } from '../../support/otlp.ts';
import { serveWithClients } from '../../support/running.ts';

jest.setTimeout(120_000);

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const traceparent = `00-${traceId}-${parentId}-01`;

interface Exported {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Record<string, unknown>[] }[];
  }[];
}

const spansOf = (body: unknown) => (body as Exported).resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
const allSpans = (received: readonly Received[]) =>
  received.filter(({ path }) => path === '/v1/traces').flatMap(({ body }) => spansOf(JSON.parse(body)));

describe('traceparent', () => {
  test('is parsed if valid', () => {
    expect(readTraceparent(traceparent)).toEqual({ traceId, parentId, isSampled: true });
    expect(readTraceparent(traceparent.replace(/01$/, '02'))).toEqual({ traceId, parentId, isSampled: false });
  });

  test.each([
    undefined,
    '',
    `${traceparent}, ${traceparent}`,
    `${traceparent}-00`,
    traceparent.toUpperCase(),
    traceparent.replace(/^00/, 'ff'),
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}-01\n`,
  ])('%j is invalid', (header) => {
    expect(readTraceparent(header)).toBeUndefined();
  });
});

describe('requests of a service with a collector', () => {
  let collector: TestCollector;
  let lines: Record<string, unknown>[];
  beforeAll(async () => {
    collector = await TestCollector.open();
    const variables = { MLAPI_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` };
    const { service, url, tokens } = await serveWithClients(['somebody'], variables);
    const authorization = `Bearer ${tokens[0]!.access_token}`;
    const ask = (id: string, headers: Record<string, string>) =>
      fetch(`${url}/api/models`, { headers: { ...headers, 'x-request-id': id } });
    await ask('sampled-1', { authorization, traceparent });
    await ask('unsampled-1', { authorization, traceparent: traceparent.replace(/01$/, '00') });
    await ask('malformed-1', { authorization, traceparent: `${traceparent}-canary` });
    await ask('stranger-1', { traceparent });
    await service.kill('SIGTERM');
    lines = service.stdout
      .split('\n')
      .filter((line) => line.includes('"request"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  });
  afterAll(() => collector.close());

  test('have the caller’s trace id in the log, unless the header is malformed', () => {
    const traceOf = (id: string) => lines.find(({ request_id }) => request_id === id)?.trace_id;
    expect(['sampled-1', 'unsampled-1', 'malformed-1', 'stranger-1'].map(traceOf)).toEqual([
      traceId,
      traceId,
      undefined,
      traceId,
    ]);
    expect(lines.filter(({ request_id }) => request_id === 'malformed-1')).toHaveLength(1);
  });

  test('are exported as spans of the caller’s trace if it is sampled and the caller has a token', () => {
    const spans = allSpans(collector.received);
    expect(spans).toEqual([
      expect.objectContaining({ traceId, parentSpanId: parentId, name: 'GET /api/models', kind: 2 }),
    ]);
    expect(spans[0]?.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(spans[0]?.attributes).toContainEqual({ key: 'mlapi.request_id', value: { stringValue: 'sampled-1' } });
    expect(spans[0]?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: '200' } });
  });

  const testWithMessages = hasOtlpMessages('spans as OpenTelemetry’s own messages read them') ? test : test.skip;
  testWithMessages('are spans that OpenTelemetry’s own messages parse the same', () => {
    const received = collector.received.find(({ path }) => path === '/v1/traces')!;
    expect(spansOf(parseExport(received))).toEqual([
      expect.objectContaining({
        name: 'GET /api/models',
        kind: 'SPAN_KIND_SERVER',
        traceId: Buffer.from(traceId, 'hex').toString('base64'),
        parentSpanId: Buffer.from(parentId, 'hex').toString('base64'),
      }),
    ]);
  });
});

test('spans that do not fit the queue are dropped', async () => {
  const collector = await TestCollector.open();
  const logger = { error: () => undefined, info: () => undefined };
  const spans = new SpanExport(new OtlpClient(`http://127.0.0.1:${collector.port}`, logger), logger);
  const request = { method: 'GET', route: '/', status: 503, milliseconds: 1, requestId: 'some-request' };
  for (let count = 0; count < 5_000; count += 1) spans.record({ traceId, parentId, isSampled: true }, request);
  await spans.finish();
  // As many as fit the queue, and those already being sent.
  await collector.gets(() => allSpans(collector.received).length === 2_048 + 512);
  expect(allSpans(collector.received)[0]).toMatchObject({ status: { code: 2 } });
  await collector.close();
});
