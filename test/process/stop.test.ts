import { connect, type Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { serve } from '../support/child.ts';
import { temporaryFolder } from '../support/service.ts';

/** A connection that has sent some bytes, and collects the response. */
async function open(url: string, bytes: string): Promise<{ socket: Socket; closed: Promise<string> }> {
  const { hostname, port } = new URL(url);
  let heard = '';
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (heard += chunk.toString()));
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(heard)));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  return { socket, closed };
}

describe('SIGTERM', () => {
  test('exit 0: a request in flight finishes, readiness says 503, idle and half-sent requests do not delay the stop', async () => {
    const { service, url } = await serve(temporaryFolder());
    const body = '{"username":"nobody","password":"none"}';
    const head = `POST /auth/reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const inFlight = await open(url, head + body.slice(0, 10));
    const halfSent = await open(url, 'GET /api/liveness HTTP/1.1\r\nHo');
    await open(url, '');

    const startedAt = performance.now();
    service.child.kill('SIGTERM');
    await service.says(/"stopping"/);
    const readiness = await fetch(`${url}/api/readiness`);
    inFlight.socket.write(body.slice(10));

    expect(readiness.status).toBe(503);
    expect(readiness.headers.get('connection')).toBe('close');
    expect(await inFlight.closed).toMatch(/^HTTP\/1\.1 401 .*"invalid_client"/s);
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await halfSent.closed;
    expect(service.stderr).toBe('');
  });

  test('exits at once with a non-zero code on a second signal', async () => {
    const { service, url } = await serve(temporaryFolder());
    await open(url, 'GET / HTTP/1.1\r\nHo');
    service.child.kill('SIGTERM');
    await service.says(/"stopping"/);
    expect(await service.kill('SIGTERM')).toEqual({ code: 1, signal: null });
  });

  test('a closed log pipe does not end the service', async () => {
    const { service, url } = await serve(temporaryFolder());
    service.child.stdout?.destroy();
    for (let count = 0; count < 20; count += 1) expect((await fetch(`${url}/api/liveness`)).status).toBe(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
