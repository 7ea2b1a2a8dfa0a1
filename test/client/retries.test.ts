import { afterEach, describe, expect, test } from '@jest/globals';
import { Client, type ClientOptions } from '../../mlapi/client/client.ts';
import { realTiming } from '../../mlapi/client/deadline.ts';
import { FakeClock, startService } from '../support/service.ts';
import {
  clientOf,
  cut,
  failureOf,
  InstantTiming,
  inTurn,
  json,
  madeUp,
  startDouble,
  until,
  type Double,
} from './double.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function against(
  handler: Parameters<typeof startDouble>[0],
  options: Partial<ClientOptions> = {},
): Promise<{ client: Client; double: Double; timing: InstantTiming }> {
  const double = await startDouble(handler);
  const timing = new InstantTiming(new FakeClock());
  const client = new Client({ url: double.url, tokens: madeUp, timing, ...options });
  closers.push(double.close, () => client.close());
  return { client, double, timing };
}

const answer = { model: 'm', version: '1', predictions: [1] };
const busy = json(503, { code: 'temporarily_unavailable', detail: 'busy' });

describe('retried', () => {
  test('429: a client over its limit waits for Retry-After, then gets its response', async () => {
    const service = await startService({ MLAPI_RATE_LIMIT_PER_MINUTE: '2' });
    const { client, timing } = await clientOf(service, { retries: { withinMs: 120_000 } });
    closers.push(
      () => service.close(),
      () => client.close(),
    );
    for (let call = 0; call < 3; call += 1) await client.session();
    expect(timing.waits.length).toBe(1);
    expect(timing.waits[0]).toBeGreaterThanOrEqual(60_000);
  });

  test('429: if Retry-After exceeds the caller’s time limit, the call fails at once', async () => {
    const { client, timing } = await against(
      json(429, { code: 'rate_limited', detail: 'no' }, { 'retry-after': '31' }),
    );
    expect(await failureOf(client.session())).toMatchObject({
      status: 429,
      code: 'rate_limited',
      retryAfterSeconds: 31,
    });
    expect(timing.waits).toEqual([]);
  });

  test('503: the waits double, with jitter, up to five attempts', async () => {
    const { client, double, timing } = await against(busy);
    expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ status: 503 });
    expect(timing.waits).toEqual([100, 200, 400, 800]);
    expect(double.seen.length).toBe(5);
  });

  test('a connection cut before or during a response: the prediction is sent again', async () => {
    const { client, double } = await against(
      inTurn(
        cut,
        (request, response) => {
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
          response.write('{"model":', () => request.socket.destroy());
        },
        json(200, answer),
      ),
    );
    expect(await client.predict('m', [[1]])).toEqual(answer);
    expect(double.seen.length).toBe(3);
  });

  test('a kept connection that the service has closed meanwhile is no error', async () => {
    const { client, double } = await against((request, response) => {
      response.on('finish', () => setImmediate(() => request.socket.destroy()));
      return json(200, answer)(request, response);
    });
    for (let call = 1; call <= 5; call += 1) await client.predict('m', [[1]]);
    expect(double.seen.length).toBeGreaterThanOrEqual(5);
  });
});

describe('not retried', () => {
  test.each([400, 404, 409, 422, 500, 502, 504])('%i', async (status) => {
    const { client, double } = await against(json(status, {}));
    expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ status, code: `http_${status}` });
    expect(double.seen.length).toBe(1);
  });

  test('retiring a version, because it may have happened already', async () => {
    const { client, double } = await against(cut);
    expect(await failureOf(client.versions.retire('m', '1'))).toMatchObject({ code: 'connection_lost' });
    expect(double.seen.length).toBe(1);
  });

  test('a stream that can be opened only once and has started; one that can be reopened is', async () => {
    const halfway = () =>
      inTurn(
        (request) => request.once('data', () => request.socket.destroy()),
        (request, response) => {
          response.setHeader('content-type', 'text/csv');
          request.resume().on('end', () => response.end('prediction\r\n1\r\n'));
        },
      );
    const lines = function* () {
      yield 'a\n1\n';
    };
    const once = await against(halfway());
    expect(await failureOf(once.client.predictCsv('m', lines()))).toMatchObject({ code: 'connection_lost' });
    expect(once.double.seen.length).toBe(1);
    const twice = await against(halfway());
    const text: string[] = [];
    for await (const chunk of await twice.client.predictCsv('m', lines)) text.push(chunk);
    expect([text.join(''), twice.double.seen.length]).toEqual(['prediction\r\n1\r\n', 2]);
  });
});

describe('time limits and aborts', () => {
  const never = () => undefined;

  test('a call ends at its time limit, retries included, and closes the connection', async () => {
    const { client } = await against(never);
    expect(await failureOf(client.predict('m', [[1]], { timeoutMs: 50 }))).toMatchObject({
      code: 'timeout',
      status: undefined,
    });
  });

  test('a response that trickles in ends at the time limit too', async () => {
    let timer: NodeJS.Timeout | undefined;
    const { client } = await against((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      timer = setInterval(() => response.write(' '), 5);
    });
    expect(await failureOf(client.predict('m', [[1]], { timeoutMs: 200 }))).toMatchObject({ code: 'timeout' });
    clearInterval(timer);
  });

  test('a signal aborts a call before it starts, while it waits for a response, and between retries', async () => {
    const { client, double } = await against(never);
    await expect(client.session({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(double.seen).toEqual([]);
    const arrived = await against((request) => {
      controller.abort(new Error('enough'));
      request.on('close', () => (isClosed = true));
    });
    let isClosed = false;
    let controller = new AbortController();
    await expect(arrived.client.session({ signal: controller.signal })).rejects.toThrow('enough');
    const real = await against(json(503, {}, { 'retry-after': '20' }), { timing: realTiming });
    controller = new AbortController();
    const waiting = real.client.session({ signal: controller.signal });
    const refused = expect(waiting).rejects.toThrow('enough');
    await until(() => real.double.seen.length > 0);
    controller.abort(new Error('enough'));
    await refused;
    await until(() => isClosed);
  });

  test('unreachable: nothing listens at the address', async () => {
    const { client, double, timing } = await against(never);
    await double.close();
    expect(await failureOf(client.session())).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(timing.waits.length).toBe(4);
  });
});
