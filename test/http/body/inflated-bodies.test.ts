import { once } from 'node:events';
import { createServer, request, type ClientRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bytesBody } from '../../../mlapi/http/body/readers.ts';
import { Exchange } from '../../../mlapi/http/exchange.ts';
import { Problem } from '../../../mlapi/http/problem.ts';

const limitBytes = 100_000;
const reader = bytesBody([], limitBytes);
/** A kilobyte that inflates to a hundred. */
const bomb = gzipSync(Buffer.alloc(limitBytes));

let server: Server;
let port: number;
let read: string[] = [];
beforeAll(async () => {
  server = createServer((asked, response) => {
    const exchange = new Exchange(asked, response, { address: '127.0.0.1', headers: [] });
    const clientId = String(asked.headers['x-client']);
    exchange.session = { clientId, clientName: clientId, familyId: '', scopes: [], expiresAt: Infinity };
    // No response while the body waits for a model.
    reader.read(exchange).then(
      (body) => {
        read.push(`${clientId}: ${body.length}`);
        response.flushHeaders();
      },
      (cause: unknown) => response.writeHead(cause instanceof Problem ? cause.status : 500).end(),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function send(client: string): Promise<{ asked: ClientRequest; status: number | undefined }> {
  const headers = { 'x-client': client, 'content-encoding': 'gzip' };
  const asked = request({ host: '127.0.0.1', port, method: 'POST', headers }).on('error', () => undefined);
  const response = once(asked, 'response') as Promise<[{ statusCode?: number }]>;
  asked.end(bomb);
  return { asked, status: (await response)[0].statusCode };
}

test('503: inflated bodies over the quota of one client, 32 bodies; others are served, and so is it afterwards', async () => {
  const waiting: ClientRequest[] = [];
  for (let count = 0; count < 32; count += 1) {
    const { asked, status } = await send('one');
    expect(status).toBe(200);
    waiting.push(asked);
  }
  expect((await send('one')).status).toBe(503);
  expect((await send('other')).status).toBe(200);
  expect(read).toEqual([...Array<string>(32).fill('one: 100000'), 'other: 100000']);

  read = [];
  waiting[0]!.destroy();
  let again = await send('one');
  while (again.status === 503) again = await send('one');
  expect(read).toEqual(['one: 100000']);
});
