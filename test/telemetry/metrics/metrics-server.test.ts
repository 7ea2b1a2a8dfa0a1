import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MetricsServer } from '../../../mlapi/telemetry/metrics/metrics-server.ts';

let server: MetricsServer;
let failing: MetricsServer;
beforeAll(async () => {
  server = await MetricsServer.open(0, () => Promise.resolve('a_metric{label="é"} 1\n'));
  failing = await MetricsServer.open(0, () => Promise.reject(new Error('a secret of the inside')));
});
afterAll(() => {
  server.close();
  failing.close();
});

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
}

function ask(url: string, { method = 'GET', path = '/metrics', host = new URL(url).host }: Asked = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    request(url, { method, path, headers: { host }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    })
      .once('error', reject)
      .end();
  });
}

function open(url: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket)).once('error', reject);
  });
}

describe('GET /metrics', () => {
  test('200: the Prometheus text format, not cacheable', async () => {
    const { status, headers, text } = await ask(server.url);
    expect(status).toBe(200);
    expect(text).toBe('a_metric{label="é"} 1\n');
    expect(headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  test('200: on localhost too', async () => {
    expect((await ask(server.url, { host: 'localhost:9464' })).status).toBe(200);
  });

  test.each(['metrics.example', '127.0.0.1.example', 'localhost.example:80', '127.0.0.1@example'])(
    '421: a browser that was led here by the name %s reads nothing (DNS rebinding)',
    async (host) => {
      const { status, text } = await ask(server.url, { host });
      expect({ status, text }).toEqual({ status: 421, text: '' });
    },
  );

  test('500: the error is not disclosed', async () => {
    const { status, text } = await ask(failing.url);
    expect({ status, text }).toEqual({ status: 500, text: '' });
  });
});

describe('other requests', () => {
  test.each(['POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('405: %s', async (method) => {
    const { status, headers, text } = await ask(server.url, { method });
    expect({ status, text }).toEqual({ status: 405, text: '' });
    expect(headers.allow).toBe('GET');
  });

  test.each(['/', '/metrics/', '/metrics?name[]=x', '/METRICS', '//metrics', '/api/liveness', '/%6detrics', '*'])(
    '404: %s',
    async (path) => {
      const { status, text } = await ask(server.url, { path });
      expect({ status, text }).toEqual({ status: 404, text: '' });
    },
  );
});

describe('slow clients', () => {
  test('get at most sixteen connections, each for at most ten seconds', async () => {
    const sockets = await Promise.all(Array.from({ length: 16 }, () => open(server.url)));
    const closed = sockets.map(
      (socket) =>
        new Promise<void>((resolve) =>
          socket
            .resume()
            .on('error', () => undefined)
            .once('close', resolve),
        ),
    );
    await expect(ask(server.url)).rejects.toThrow(/hang up|ECONNRESET/);
    const startedAt = performance.now();
    sockets[0]!.write('GET /metrics HTTP/1.1\r\nHost: ');
    await Promise.all(closed);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect((await ask(server.url)).status).toBe(200);
  });
});
