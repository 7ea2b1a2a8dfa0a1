import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createListener } from '../../../mlapi/http/server/listener.ts';
import { createLogger } from '../../../mlapi/telemetry/logger.ts';
import { noMetrics, type AnsweredRequest } from '../../../mlapi/telemetry/metrics/metrics.ts';
import { exchange } from '../../support/raw-http.ts';

test('499: a response to a closed connection counts as not sent; 200: one that was sent before the close counts', async () => {
  const answered: number[] = [];
  const logger = createLogger({ logLevel: 'error', logFormat: 'json' });
  const metrics = { ...noMetrics, requestAnswered: ({ status }: AnsweredRequest) => answered.push(status) };
  const listener = createListener(
    ({ url, socket }, response) => {
      if (url === '/gone') socket.destroy();
      response.end('text');
    },
    { corsOrigins: [], trustProxy: 'loopback', socket: undefined },
    { logger, metrics },
  );
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

  await exchange(port, get('/sent'));
  await exchange(port, get('/gone'));

  await new Promise((resolve) => server.close(resolve));
  expect(answered).toEqual([200, 499]);
});
