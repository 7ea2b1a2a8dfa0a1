import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RemoteExecutor } from '../../../mlapi/inference/remote/remote-executor.ts';
import { describeRemote } from '../../../mlapi/inference/remote/remote-model.ts';
import { echo, OipServer, say } from '../../support/oip-server.ts';

let server: OipServer;
let executor: RemoteExecutor | undefined;
beforeEach(async () => {
  server = await new OipServer().listen();
});
afterEach(async () => {
  await executor?.release();
  await server.close();
});

const matrix = { data: Float32Array.of(1, 2, 3), rows: 1, width: 3 };
const reference = () => ({ url: server.url, model: 'echo' });
const allowed = () => ({ base: server.url, token: undefined });
const describeEcho = () => describeRemote(allowed(), reference(), performance.now() + 5_000);

async function open(breaker: { failures: number; restMs: number }): Promise<RemoteExecutor> {
  const described = await describeEcho();
  const more = { server: allowed(), reference: reference(), outputName: 'y', others: [], timeoutMs: 5_000 };
  executor = new RemoteExecutor({ ...described, ...more, breaker });
  return executor;
}

const run = (opened: RemoteExecutor) =>
  opened.run(matrix, Infinity).then(
    () => 'answered',
    (cause: unknown) => String(cause),
  );
const nextChange = (opened: RemoteExecutor) => new Promise<void>((resolve) => (opened.onChange = resolve));

describe('the circuit breaker', () => {
  test('opens after the configured failures, then lets one run through: a failure opens it again, a success closes it', async () => {
    const opened = await open({ failures: 3, restMs: 50 });
    server.infer = (response) => say(response, {}, 502);
    expect(opened.free).toBe(8);

    for (let failure = 0; failure < 3; failure += 1) await run(opened);
    expect([opened.free, opened.fault?.message]).toEqual([0, expect.stringContaining('the server answered 502')]);

    await nextChange(opened);
    expect([opened.free, opened.fault]).toEqual([1, undefined]);
    server.received.length = 0;
    const trying = run(opened);
    expect(opened.free).toBe(0);
    await trying;
    expect(server.inferences).toHaveLength(1);
    expect(opened.fault).toBeDefined();

    await nextChange(opened);
    server.infer = echo;
    expect(await run(opened)).toBe('answered');
    expect([opened.free, opened.fault]).toEqual([8, undefined]);
  });

  test.each([400, 404, 422, 429, 500])('does not count a %i as a failure', async (status) => {
    const opened = await open({ failures: 2, restMs: 60_000 });
    server.infer = (response) => say(response, {}, status);

    for (let request = 0; request < 4; request += 1) await run(opened);

    expect(opened.fault).toBeUndefined();
  });

  test.each([302, 502, 503])('opens after two %i in a row', async (status) => {
    const opened = await open({ failures: 2, restMs: 60_000 });
    server.infer = (response) => say(response, {}, status);

    for (let request = 0; request < 2; request += 1) await run(opened);

    expect(opened.fault).toBeDefined();
  });
});

test('retries are at most a tenth of the requests, in the long run', async () => {
  const opened = await open({ failures: 1_000, restMs: 60_000 });
  server.infer = (response) => response.socket?.resetAndDestroy();

  for (let request = 0; request < 100; request += 1) await run(opened);

  expect(server.inferences.length).toBeGreaterThan(105);
  expect(server.inferences.length).toBeLessThanOrEqual(111);
});

test('tensors are sent and received as binary data if the server announces the extension', async () => {
  server.extensions = ['binary_tensor_data'];
  const opened = await open({ failures: 5, restMs: 60_000 });

  const { output } = await opened.run(matrix, Infinity);

  expect(output).toEqual({ data: matrix.data, shape: [1, 3] });
  expect(server.inferences[0]!.headers['content-type']).toBe('application/octet-stream');
  server.infer = (response) => response.writeHead(200, { 'inference-header-content-length': '900' }).end('{}');
  expect(await run(opened)).toContain('shorter than its header says');
  const tensor = { name: 'y', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 8 } };
  const json = JSON.stringify({ outputs: [tensor] });
  server.infer = (response) =>
    response.writeHead(200, { 'inference-header-content-length': json.length }).end(`${json}12345678`);
  expect(await run(opened)).toContain('the shape needs 12 bytes, got 8');
});

test('a response that repeats the token is not passed on, neither to a log nor as a tensor name', async () => {
  const token = 'a-token-of-the-operator';
  const allowedWith = { base: server.url, token };
  const described = await describeRemote(allowedWith, reference(), performance.now() + 5_000);
  const more = { server: allowedWith, reference: reference(), outputName: 'y', others: [], timeoutMs: 5_000 };
  executor = new RemoteExecutor({ ...described, ...more });
  server.infer = (response, { headers }) => say(response, { error: `you said ${headers.authorization}` }, 500);

  const cause: unknown = await executor.run(matrix, Infinity).catch((error: unknown) => error);

  expect(String(cause)).toContain('contained the token');
  expect(inspect(cause, { depth: 9, showHidden: true })).not.toContain(token);
  server.metadata = { inputs: [x], outputs: [{ ...y, name: token }] };
  await expect(describeRemote(allowedWith, reference(), performance.now() + 5_000)).rejects.toThrow(
    /response contained the token/,
  );
});

test('a failing request for the server’s extensions fails the description; a 404 means no extensions', async () => {
  server.root = 503;
  await expect(describeEcho()).rejects.toThrow(/answered 503/);
  server.root = 404;
  expect((await describeEcho()).isBinary).toBe(false);
});

const x = { name: 'x', datatype: 'FP32', shape: [-1, 3] };
const y = { name: 'y', datatype: 'FP32', shape: [-1, 3] };
test.each([
  ['no tensors', {}],
  ['two inputs of one name', { inputs: [x, x], outputs: [y] }],
  ['a datatype that the protocol has not', { inputs: [{ ...x, datatype: 'BF16' }], outputs: [y] }],
  ['a dimension below -1', { inputs: [{ ...x, shape: [-2, 3] }], outputs: [y] }],
  ['a name of two lines', { inputs: [{ ...x, name: 'a\nb' }], outputs: [y] }],
  ['no output', { inputs: [x], outputs: [] }],
])('invalid metadata of a server is refused: %s', async (_what, metadata) => {
  server.metadata = metadata;

  await expect(describeEcho()).rejects.toThrow(/metadata does not follow the protocol|an unknown datatype/);
});
