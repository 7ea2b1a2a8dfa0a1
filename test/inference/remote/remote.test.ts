import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../../support/model-folders.ts';
import { responseOf, echo, echoContract, OipServer, say, type Received } from '../../support/oip-server.ts';

let server: OipServer;
let service: ModelService;
beforeAll(async () => {
  server = await new OipServer().listen();
  const patient = echoContract(server.url, {
    name: 'patient',
    batching: { maxWaitMicroseconds: 500_000, rowWise: true },
  });
  const models = { echo: { contract: echoContract(`${server.url}/`) }, patient: { contract: patient } };
  service = await startModels(models, { MLAPI_REMOTE_SERVERS: server.url, MLAPI_PREDICT_TIMEOUT_MS: '2000' });
});
afterAll(async () => {
  await service.close();
  await server.close();
});
// The next valid request must work after every case.
beforeEach(async () => {
  server.infer = echo;
  await service.predict('echo', [[0, 5, 1]]).expect(200);
  server.received.length = 0;
});

/** Resets the connection. */
const reset = (response: ServerResponse) => response.socket?.resetAndDestroy();
const answering =
  (output: object, more: object = {}) =>
  (response: ServerResponse, received: Received) =>
    say(response, responseOf(received, output, more));

const textOf = (data: string) => `{"outputs":[{"name":"y","datatype":"FP32","shape":[1,3],"data":${data}}]}`;
const endless = (response: ServerResponse) => {
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
  };
  response.writeHead(200).on('drain', more);
  more();
};

describe('a model on another server', () => {
  test('200: rows are validated here, computed there, and labelled here', async () => {
    const answer = await service.predict('echo', [{ a: 1, b: 3, c: 2 }, [0, 0, 7]], '?scores=true');

    expect(answer.body).toMatchObject({
      model: 'echo',
      predictions: ['second', 'third'],
      scores: [
        [1, 3, 2],
        [0, 0, 7],
      ],
    });
    expect(server.inferences).toHaveLength(1);
    await service.predict('echo', [[0, 'x', 1]]).expect(400);
    await service.predict('echo', [[0, 1]]).expect(400);
    expect(server.inferences).toHaveLength(1);
  });

  test('200: its metadata shows that it is remote, but not the server', async () => {
    const { body, text } = await service.information('echo').expect(200);

    expect(body).toMatchObject({ platform: 'scripted_v1', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }] });
    expect(text).not.toMatch(/127\.0\.0\.1|remote/);
  });

  test('only the rows of a request are passed on', async () => {
    await service
      .predict('echo', [[1, 2, 3]])
      .set('x-secret', 'of the caller')
      .set('cookie', 'a=b')
      .expect(200);

    const [{ headers, body } = { headers: {}, body: '' }] = server.inferences;
    expect(Object.keys(headers).sort()).toEqual([
      ...['accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'host'],
    ]);
    expect(JSON.parse(String(body))).toEqual({
      inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }],
      outputs: [{ name: 'y' }],
    });
  });

  const wrong: [string, string, OipServer['infer']][] = [
    ['invalid JSON', 'is not JSON', (response) => say(response, 'hello')],
    ['NaN', 'is not JSON', (response) => say(response, textOf('[NaN,1,2]'))],
    ['1e999', 'a finite number within its datatype', (response) => say(response, textOf('[1e999,1,2]'))],
    ['a name twice', 'is not JSON', (response) => say(response, '{"outputs":[],"outputs":[]}')],
    ['an object for its outputs', 'does not follow the protocol', (response) => say(response, { outputs: {} })],
    ['no output', 'an output is missing', (response) => say(response, { outputs: [] })],
    ['another output', 'not requested', answering({ name: 'z' })],
    ['another datatype', 'another datatype', answering({ datatype: 'FP64' })],
    ['data that do not fit the shape', 'the shape has 3 elements, got 2', answering({ data: [1, 2] })],
    ['null for a number', 'element 1: it must be a finite number', answering({ data: [1, null, 3] })],
    ['text for a number', 'element 0: it must be a finite number', answering({ data: ['1', '2', '3'] })],
    ['one row too many', 'number of rows', answering({ shape: [2, 3], data: [1, 2, 3, 4, 5, 6] })],
    ['another model’s answer', 'another model', answering({}, { model_name: 'other' })],
    ['missing binary data', 'the shape needs 12 bytes, got 0', answering({ parameters: { binary_data_size: 12 } })],
    [
      'compressed data',
      'is compressed',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}'),
    ],
    ['10 GB, declared', 'too large', (response) => response.writeHead(200, { 'content-length': 1e10 }).write('{')],
    ['endless text', 'too large', endless],
    ['500 with its stack', 'the model failed', (response) => say(response, 'Traceback: /srv/secret.py', 500)],
    ['400 with its reason', 'the model failed', (response) => say(response, { error: 'secret' }, 400)],
  ];
  test.each(wrong)('422: a server that answers with %s', async (_what, reason, infer) => {
    server.infer = infer;

    const { body, text } = await service.predict('echo', [[1, 2, 3]]).expect(422);

    expect(body).toMatchObject({ code: 'invalid_model_output', detail: expect.stringContaining(reason) });
    expect(text).not.toMatch(/secret|127\.0/);
    expect(server.inferences).toHaveLength(1);
  });

  test('503: a redirect is not followed', async () => {
    const elsewhere = await new OipServer().listen();
    server.infer = (response) => response.writeHead(307, { location: `${elsewhere.url}/v2/models/echo/infer` }).end();

    await service.predict('echo', [[1, 2, 3]]).expect(503);

    expect([server.inferences.length, elsewhere.connections]).toEqual([1, 0]);
    await elsewhere.close();
  });

  test.each([
    ['a connection that is reset', 200, 2, reset],
    ['503', 200, 2, (response: ServerResponse) => say(response, {}, 503)],
    [
      'a reset in the middle of the answer',
      503,
      1,
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': 100 }).write('{"outputs":', () => reset(response));
      },
    ],
    ['404', 503, 1, (response: ServerResponse) => say(response, {}, 404)],
  ])('%s: %i after %i attempts', async (_what, status, tries, first) => {
    server.infer = (response, received) => {
      if (server.inferences.length === 1) first(response);
      else echo(response, received);
    };

    await service.predict('echo', [[1, 2, 3]]).expect(status);

    expect(server.inferences).toHaveLength(tries);
  });

  test('503 after two attempts: a connection that is reset each time', async () => {
    server.infer = reset;

    const { body } = await service.predict('echo', [[1, 2, 3]]).expect(503);

    expect(body).toMatchObject({ code: 'temporarily_unavailable' });
    expect(server.inferences).toHaveLength(2);
  });

  test.each([
    ['nothing', () => undefined],
    ['half a response', (response: ServerResponse) => void response.writeHead(200).write('{')],
  ])('504: a server that answers %s; then its connection is closed', async (_what, infer) => {
    let closed: Promise<void> | undefined;
    server.infer = (response) => {
      closed = new Promise((resolve) => response.once('close', () => resolve()));
      infer(response);
    };

    await service.predict('echo', [[1, 2, 3]]).expect(504);

    await closed;
    expect(server.inferences).toHaveLength(1);
  });

  test('200 and 422: in a shared run, only the request that the server fails on fails', async () => {
    server.infer = (response, received) => {
      if (received.body.includes('666')) say(response, 'cannot', 500);
      else echo(response, received);
    };

    const rows = [[[1, 2, 3]], [[666, 2, 3]], [[3, 2, 1]]];
    const answers = await Promise.all(rows.map((body) => service.predict('patient', body)));

    expect(answers.map(({ status }) => status)).toEqual([200, 422, 200]);
    expect(JSON.parse(server.inferences[0]!.body.toString())).toMatchObject({ inputs: [{ shape: [3, 3] }] });
  });

  test('503 with Retry-After and without a call, after five failures in a row; one success ends it', async () => {
    server.infer = reset;
    for (let failure = 0; failure < 5; failure += 1) await service.predict('echo', [[1, 2, 3]]).expect(503);
    server.received.length = 0;

    const refused = await service.predict('echo', [[1, 2, 3]]).expect(503);

    expect(refused.body).toMatchObject({ code: 'model_unavailable' });
    expect(refused.headers['retry-after']).toBe('5');
    expect(server.received).toEqual([]);
    expect(() => service.services.predictors.get('echo').check()).toThrow(/5 times in a row/);
    server.infer = echo;
    while ((await service.predict('echo', [[1, 2, 3]])).status !== 200);
    service.services.predictors.get('echo').check();
  }, 60_000);
});
