import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { model as onnx, graph, node } from '../../support/hostile-onnx.ts';
import { bytes, identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes, ask, type ApiResponse } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

/** The service waits 30 s for an unfinished body; a response within this time did not wait for it. */
const promptMs = 10_000;
const mebibyte = 1_048_576;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_MODEL_LIMIT_BYTES: String(8 * mebibyte) });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

/** Refused at its first node, before 3 MB of weights. */
const random = onnx({
  graph: graph({ nodes: [node({ op: 'RandomNormalLike' })], more: [bytes(10, Buffer.alloc(3 * mebibyte))] }),
});

async function prompt(answer: Promise<ApiResponse>): Promise<ApiResponse> {
  const beganMs = performance.now();
  const answered = await answer;
  expect(performance.now() - beganMs).toBeLessThan(promptMs);
  return answered;
}

describe('a refused body is answered at once, and its slot is released', () => {
  test('422: eight forms of 3 MB at once, sent by fetch; the ninth upload gets a slot', async () => {
    const files = { model: random, contract: {} };

    const refused = await Promise.all(
      Array.from({ length: 8 }, (_, index) => prompt(upload(service, token, [`random-${index}`, '1'], files))),
    );

    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
      Array(8).fill([422, 'operator_not_allowed']),
    );
    expect((await prompt(upload(service, token, ['ninth', '1'], { model: identityModel(1) }))).status).toBe(201);
  });

  test('413: a contract that is too large, with parts after it', async () => {
    const files = { contract: 'x'.repeat(mebibyte), encoding: 'x'.repeat(mebibyte), model: random };

    expect(await prompt(upload(service, token, ['large', '1'], files))).toMatchObject({ status: 413 });
  });

  test('400: a part that is unknown or repeated, with more after it', async () => {
    for (const name of ['readme', 'contract']) {
      const form = new FormData();
      form.append('contract', new Blob(['{}']), 'a');
      form.append(name, new Blob([new Uint8Array(2 * mebibyte)]), 'b');
      form.append('model', new Blob([new Uint8Array(random)]), 'c');

      const answer = await prompt(ask(service, token, ['PUT', '/api/models/odd/versions/1'], { body: form }));

      expect([name, answer.status]).toEqual([name, 400]);
    }
  });

  test('400: a form without a boundary, read to its end so that the client reads the response', async () => {
    const answer = await prompt(
      ask(service, token, ['PUT', '/api/models/odd/versions/1'], {
        body: new Uint8Array(random),
        headers: { 'content-type': 'multipart/form-data' },
      }),
    );

    expect(answer.status).toBe(400);
  });

  test('503 without a reset: uploads of 3 MB beyond a client’s eight', async () => {
    const send = (index: number) =>
      prompt(upload(service, token, [`many-${index}`, '1'], { model: random, contract: {} }));

    const answers = await Promise.all(Array.from({ length: 24 }, (_, index) => send(index)));

    for (const { status } of answers) expect([422, 503]).toContain(status);
  });

  test('400: a CSV table whose first row is wrong, twice over one agent', async () => {
    const table = `${'x,'.repeat(10)}\n`.repeat(40_000);
    for (let round = 0; round < 2; round += 1) {
      const answer = await prompt(
        ask(service, token, ['POST', '/api/models/nsl-kdd-classifier/predict'], {
          body: table,
          headers: { 'content-type': 'text/csv' },
        }),
      );
      expect(answer.status).toBe(400);
    }
  });

  test('400: a login form with more parts than allowed fields, sent by fetch', async () => {
    const form = new FormData();
    for (let index = 0; index < 12; index += 1) form.append(`field-${index}`, 'x'.repeat(1_000));
    form.append('password', new Blob([new Uint8Array(2_000)]), 'a');
    const answer = await prompt(
      ask(service, '', ['POST', '/auth/reset'], { body: form, headers: { authorization: '' } }),
    );

    expect(answer.status).toBe(400);
  });
});
