import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { serve, startCompiled, type TestProcess } from '../support/child.ts';
import { metricsUrlOf, scrape } from '../support/scrape.ts';
import { temporaryFolder } from '../support/service.ts';
import { childrenOf, until } from '../support/running.ts';
import { readyWorkersOf } from '../support/workers.ts';

jest.setTimeout(120_000);

const counter = 'http_requests_total{method="GET",route="/",status="200"}';

const started: TestProcess[] = [];
afterEach(async () => {
  for (const service of started.splice(0)) await service.kill();
});

/** Two workers that answer with their process ids, and the address of their metrics. */
async function startMetered(cwd = temporaryFolder(), variables: Record<string, string> = { MLAPI_METRICS_PORT: '0' }) {
  const service = startCompiled('test/support/metered-service.ts', [], {
    cwd,
    variables: { MLAPI_WORKERS: '2', MLAPI_DATA_DIR: temporaryFolder(), ...variables },
  });
  started.push(service);
  const [, url = ''] = await service.says(/"address":"(http[^"]+)"/);
  await until(() => readyWorkersOf(service).length === 2);
  return { service, url };
}

/** Sends this many requests, each on its own connection. @returns how many each worker answered */
async function send(url: string, count: number): Promise<Map<number, number>> {
  const answered = new Map<number, number>();
  for (let sent = 0; sent < count; sent += 1) {
    const response = await fetch(url, { headers: { connection: 'close' } });
    const pid = Number(await response.text());
    answered.set(pid, (answered.get(pid) ?? 0) + 1);
  }
  return answered;
}

/** Sends until every worker has answered. @returns the number of requests */
async function sendToAll(service: TestProcess, url: string): Promise<number> {
  const seen = new Set<number>();
  let sent = 0;
  await until(async () => {
    for (const pid of (await send(url, 20)).keys()) seen.add(pid);
    sent += 20;
    return childrenOf(service).every((pid) => seen.has(pid));
  });
  return sent;
}

describe('the metrics of two workers', () => {
  test('are one sum that only grows: after kill -9, after a reload, and while a worker hangs', async () => {
    const { service, url } = await startMetered();
    const metricsUrl = await metricsUrlOf(service);
    let sent = await sendToAll(service, url);
    const first = await scrape(metricsUrl);
    expect(first[counter]).toBe(sent);
    expect(first['http_request_duration_seconds_bucket{method="GET",route="/",status="200",le="0.0025"}']).toBe(sent);
    expect(first['mlapi_workers{state="ready"}']).toBe(2);
    expect(first.mlapi_worker_restarts_total).toBe(0);
    expect(first.nodejs_heap_size_used_bytes).toBeGreaterThan(10_000_000);
    // Always 8 MiB, twice, for each worker.
    expect(first['nodejs_heap_space_size_total_bytes{space="new"}']).toBe(2 * 16 * 1_048_576);

    process.kill(childrenOf(service)[0]!, 'SIGKILL');
    await service.says(/"worker exited"/);
    const killed = await scrape(metricsUrl);
    expect(killed[counter]).toBe(sent);
    expect(killed.process_cpu_seconds_total).toBeGreaterThanOrEqual(first.process_cpu_seconds_total!);
    expect(killed.mlapi_worker_restarts_total).toBe(1);
    expect(killed.nodejs_heap_size_used_bytes).toBeLessThan(0.8 * first.nodejs_heap_size_used_bytes!);
    await until(() => readyWorkersOf(service).length === 2);
    sent += await sendToAll(service, url);
    expect((await scrape(metricsUrl))[counter]).toBe(sent);

    // The metrics are not read between these requests and the end of the workers that counted them.
    sent += await sendToAll(service, url);
    const before = childrenOf(service);
    service.child.kill('SIGHUP');
    await service.says(/"reloaded"/);
    await until(() => !childrenOf(service).some((pid) => before.includes(pid)));
    const reloaded = await scrape(metricsUrl);
    expect(reloaded[counter]).toBe(sent);
    expect(reloaded.mlapi_worker_restarts_total).toBe(1);

    sent += await sendToAll(service, url);
    const whole = await scrape(metricsUrl);
    const [stuck = 0] = childrenOf(service);
    process.kill(stuck, 'SIGSTOP');
    const startedAt = performance.now();
    const [partial, same] = await Promise.all([scrape(metricsUrl), scrape(metricsUrl)]);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    process.kill(stuck, 'SIGCONT');
    expect(partial[counter]).toBe(sent);
    expect(partial.nodejs_heap_size_used_bytes).toBeLessThan(0.8 * whole.nodejs_heap_size_used_bytes!);
    expect(partial.mlapi_metrics_missed_total).toBe(1);
    expect(same).toEqual(partial);
    expect((await scrape(metricsUrl))[counter]).toBe(sent);

    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('are served on 127.0.0.1 alone, and not on the service’s port', async () => {
    const variables = { MLAPI_METRICS_PORT: '0', MLAPI_HOST: '0.0.0.0' };
    const { service, url } = await serve(temporaryFolder(), { variables });
    started.push(service);
    const metricsUrl = await metricsUrlOf(service);
    const { port } = new URL(metricsUrl);
    expect((await scrape(metricsUrl))['mlapi_workers{state="ready"}']).toBe(1);
    expect(await isOpen('127.0.0.1', Number(port))).toBe(true);
    expect(await isOpen('127.0.0.2', Number(port))).toBe(false);
    expect(await isOpen('127.0.0.2', Number(new URL(url).port))).toBe(true);
    const onPublicPort = await fetch(`http://127.0.0.1:${new URL(url).port}/metrics`);
    expect(onPublicPort.status).toBe(404);
    expect(await onPublicPort.text()).not.toContain('process_cpu');
    await service.kill('SIGTERM');
  });
});

describe('MLAPI_METRICS_PORT', () => {
  test('if unset, nothing is served or measured; a reload opens, moves and closes the port', async () => {
    const cwd = temporaryFolder();
    const { service, url } = await startMetered(cwd, {});
    expect(service.stdout).not.toContain('serving metrics');
    const reload = async (line: string, count: number) => {
      writeFileSync(join(cwd, '.env'), line);
      service.child.kill('SIGHUP');
      await until(() => service.stdout.split('"reloaded"').length === count + 1);
    };

    await reload('MLAPI_METRICS_PORT=0\n', 1);
    const metricsUrl = await metricsUrlOf(service);
    await send(url, 5);
    expect((await scrape(metricsUrl))[counter]).toBe(5);

    const free = await freePort();
    await reload(`MLAPI_METRICS_PORT=${free}\n`, 2);
    expect((await scrape(`http://127.0.0.1:${free}/metrics`))[counter]).toBe(5);
    await expect(scrape(metricsUrl)).rejects.toThrow('ECONNREFUSED');

    await reload('', 3);
    await expect(scrape(`http://127.0.0.1:${free}/metrics`)).rejects.toThrow('ECONNREFUSED');
    await service.kill('SIGTERM');
  });

  test.each([
    ['unset: the library is not loaded', '', false],
    ['set: the library is loaded', '0', true],
  ])('%s', async (_title, port, isLoaded) => {
    const variables = { MLAPI_METRICS_PORT: port, NODE_DEBUG: 'module' };
    const { service } = await startMetered(temporaryFolder(), variables);
    await service.kill('SIGTERM');
    expect(service.stderr).toContain('load "');
    expect(service.stderr.includes('node_modules/prom-client')).toBe(isLoaded);
  });

  test('in use by another program: the start fails with code 1 and names it; a reload changes nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;

    const refused = startCompiled('test/support/metered-service.ts', [], {
      variables: { MLAPI_DATA_DIR: temporaryFolder(), MLAPI_METRICS_PORT: String(port) },
    });
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toBe(`mlapi: cannot listen on the metrics port ${port}: EADDRINUSE\n`);

    const cwd = temporaryFolder();
    writeFileSync(join(cwd, '.env'), 'MLAPI_METRICS_PORT=0\n');
    const { service } = await startMetered(cwd, {});
    const workers = childrenOf(service);
    writeFileSync(join(cwd, '.env'), `MLAPI_METRICS_PORT=${port}\n`);
    service.child.kill('SIGHUP');
    await service.says(/"reload failed","reason":"cannot listen on the metrics port/);
    expect(childrenOf(service)).toEqual(workers);
    expect((await scrape(await metricsUrlOf(service)))['mlapi_workers{state="ready"}']).toBe(2);
    await service.kill('SIGTERM');
    other.close();
  });
});

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
