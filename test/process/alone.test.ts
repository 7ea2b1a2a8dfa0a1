import { createServer, type AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { startCompiled, type TestProcess } from '../support/child.ts';
import { TestCollector } from '../support/collector.ts';
import { childrenOf, until } from '../support/running.ts';
import { metricsUrlOf, scrape } from '../support/scrape.ts';
import { temporaryFolder } from '../support/service.ts';
import { recordingSystemd } from '../support/systemd.ts';

jest.setTimeout(120_000);

let service: TestProcess | undefined;
afterEach(() => service?.kill());

async function start(variables: Readonly<Record<string, string>> = {}, words: readonly string[] = ['stub']) {
  const started = startCompiled('test/support/alone.ts', words, { variables });
  service = started;
  const [, url = ''] = await started.says(/"listening","address":"([^"]+)"/);
  return { started, url };
}

describe('a service of one process', () => {
  test('serves without children, and stops with exit code 0 after the requests in flight', async () => {
    const { started, url } = await start();
    expect(childrenOf(started)).toEqual([]);
    const slow = fetch(`${url}/slow`).then((response) => response.text());
    await (await fetch(url)).text();
    expect(await started.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await slow).toBe('done');
    expect(started.stdout).toMatch(/"stopping","signal":"SIGTERM"[^]*"stopped"/);
  });

  test('exits at once with code 1 on a second signal', async () => {
    const { started, url } = await start();
    const never = fetch(`${url}/never`).catch(() => 'torn');
    await (await fetch(url)).text();
    started.child.kill('SIGTERM');
    await started.says(/"stopping"/);
    expect(await started.kill('SIGINT')).toEqual({ code: 1, signal: null });
    expect(await never).toBe('torn');
  });

  test('logs why its start failed, and exits with code 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await until(() => taken.listening);
    const { port } = taken.address() as AddressInfo;
    service = startCompiled('test/support/alone.ts', ['stub'], { variables: { MLAPI_PORT: String(port) } });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^mlapi: port \d+ on 127\.0\.0\.1 is in use/);
    taken.close();
  });

  test('starts on the socket that a killed process left behind', async () => {
    const dataDir = temporaryFolder();
    const variables = { MLAPI_DATA_DIR: dataDir, MLAPI_SOCKET: join(dataDir, 'socket') };
    await (await start(variables, [])).started.kill();
    expect(existsSync(variables.MLAPI_SOCKET)).toBe(true);
    expect((await start(variables, [])).url).toBe(variables.MLAPI_SOCKET);
  });

  test('serves its metrics', async () => {
    const { started, url } = await start({ MLAPI_METRICS_PORT: '0' });
    for (let at = 0; at < 3; at += 1) await (await fetch(url)).text();
    const series = await scrape(await metricsUrlOf(started));
    expect(series['http_requests_total{method="GET",route="/",status="200"}']).toBe(3);
  });

  test('sends its last counts to the OTLP collector', async () => {
    const collector = await TestCollector.open();
    const variables = {
      MLAPI_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      MLAPI_OTLP_INTERVAL_SECONDS: '3600',
    };
    const { started, url } = await start(variables);
    await (await fetch(url)).text();
    await started.kill('SIGTERM');
    expect(collector.received.map(({ body }) => /"http_requests_total".*?"asDouble":1\b/.test(body))).toEqual([true]);
    await collector.close();
  });

  test('tells systemd READY, WATCHDOG and STOPPING', async () => {
    const { variables, told } = recordingSystemd();
    const { started } = await start({ ...variables, WATCHDOG_USEC: '200000' });
    await until(() => told().includes('WATCHDOG=1'));
    await started.kill('SIGTERM');
    expect(told()[0]).toBe('READY=1');
    expect(told()).toContain('STOPPING=1');
  });
});
