import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from '@jest/globals';
import { contractOf, writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

// Every garbage collection copies retained objects until they are old, which under load costs more than the request itself.

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let service: TestService;
const { parse } = JSON;
afterEach(async () => {
  JSON.parse = parse;
  await service.close();
});

/** Its requests wait half a second for others to batch with. */
async function startWaiting(): Promise<{ connection: RawConnection; request: string }> {
  const features = ['a', 'b'].map((name) => ({ name, type: 'number' }));
  const batching = { maxRows: 100, maxWaitMicroseconds: 500_000 };
  const contract = contractOf('m', features, { batching });
  const modelsDir = writeModelFolders({ m: { onnx: identityModel(2), contract } });
  service = await startService({ MLAPI_MODELS_DIR: modelsDir });
  const { tokens } = await service.newClient();
  const head = `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokens.access_token}\r\n`;
  const request = `${head}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n[[1,2]]`;
  return { connection: new RawConnection(service.port), request };
}

async function isCollected(ref: WeakRef<object>): Promise<boolean> {
  for (let attempt = 0; attempt < 10 && ref.deref() !== undefined; attempt += 1) {
    await delay(10);
    collectGarbage();
  }
  return ref.deref() === undefined;
}

test('a parsed body is released while its rows wait for their run', async () => {
  const { connection, request } = await startWaiting();
  const said: WeakRef<object>[] = [];
  // A Jest mock would retain the results.
  JSON.parse = (text: string) => {
    const value = parse(text) as unknown;
    if (text.startsWith('[[')) said.push(new WeakRef(value as object));
    return value;
  };

  connection.send(request);
  while (said.length === 0) await delay(5);
  const isGone = await isCollected(said[0]!);
  const { answers } = await connection.until(1);

  expect([isGone, answers[0]?.status]).toEqual([true, 200]);
  connection.close();
});

test('a request is released after its response, however long its connection stays open', async () => {
  const { connection, request } = await startWaiting();
  const requests: WeakRef<object>[] = [];
  service.server.on('request', (incoming: IncomingMessage) => void requests.push(new WeakRef(incoming)));

  connection.send(request);
  const { answers, isClosed } = await connection.until(1);

  expect([answers[0]?.status, isClosed]).toEqual([200, false]);
  expect(await isCollected(requests[0]!)).toBe(true);
  connection.close();
});
