import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { heldByResponses } from '../../../mlapi/http/response-memory.ts';
import { writeModelFolders } from '../../support/model-folders.ts';
import { buildModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';

/** Returns as many zeros as requested. */
const zeros = {
  onnx: buildModel({
    inputs: [{ name: 'n', type: 'int64', shape: [1] }],
    nodes: [
      { op: 'ConstantOfShape', inputs: ['n'], outputs: ['zeros'] },
      { op: 'Cast', inputs: ['zeros'], outputs: ['y'], attributes: { to: 1 } },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['M'] }],
  }),
  contract: { name: 'zeros', sample: 'sample.json' },
  sample: { inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [1] }] },
};

let service: TestService;
let token: string;
const responses: ServerResponse[] = [];
beforeAll(async () => {
  service = await startService({ MLAPI_MODELS_DIR: writeModelFolders({ zeros }), MLAPI_DEFAULT_MODEL: 'zeros' });
  service.server.prependListener('request', (_request, response) => responses.push(response));
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

function ask(count: number): ClientRequest {
  const asked = request(`${service.url}/v2/models/zeros/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip' },
  });
  asked.end(JSON.stringify({ inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [count] }] }));
  return asked.on('error', () => undefined);
}

async function until(isMet: () => boolean): Promise<void> {
  for (let attempt = 0; !isMet() && attempt < 2_000; attempt += 1) await delay(5);
  expect(isMet()).toBe(true);
}

describe('a long response, compressed as it is generated', () => {
  test('is complete, without piling up listeners on the response', async () => {
    const [answer] = (await once(ask(1_000_000), 'response')) as [IncomingMessage];
    expect(responses.at(-1)!.listenerCount('close')).toBeLessThanOrEqual(10);
    let bytes = 0;
    for await (const chunk of answer.pipe(createGunzip()) as AsyncIterable<Buffer>) bytes += chunk.length;
    expect([answer.complete, bytes > 2_000_000]).toEqual([true, true]);
    await until(() => heldByResponses() === 0);
  });

  test('is aborted when its client disconnects, and its memory is released', async () => {
    const asked = ask(5_000_000);
    await until(() => heldByResponses() > 0 && responses.at(-1)!.headersSent);
    asked.destroy();
    await until(() => heldByResponses() === 0);
    expect(responses.at(-1)!.writableFinished).toBe(false);
  });
});
