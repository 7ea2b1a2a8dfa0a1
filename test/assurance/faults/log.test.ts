import { request } from 'node:http';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { serve, startCompiled, type TestProcess } from '../../support/child.ts';
import { temporaryFolder } from '../../support/service.ts';

/** Sends requests with the longest possible log lines. @returns their statuses */
async function askAtLength(url: string, count: number): Promise<Set<number>> {
  const statuses = new Set<number>();
  const path = `/auth/${'a'.repeat(1_900)}`;
  for (let asked = 0; asked < count; asked += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(url + path)));
    for (const answer of answers) {
      statuses.add(answer.status);
      await answer.text();
    }
  }
  return statuses;
}

const many = { variables: { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000' } };

describe('a blocked log', () => {
  test('a reader that hangs: requests are served, waiting lines are bounded, dropped lines are counted', async () => {
    const { service, url } = await serve(temporaryFolder(), many);
    const stdout = service.child.stdout!;
    stdout.pause();
    const requests = 2_000;
    expect(await askAtLength(url, requests)).toEqual(new Set([404]));
    const before = service.stdout.length;
    stdout.resume();
    await service.says(/"path":"\/auth\/a+"(?:.*\n)*.*"path":"\/auth\/a+"/);
    for (let attempt = 0; attempt < 50 && !service.stdout.includes('were dropped'); attempt += 1) {
      await askAtLength(url, 20);
      await delay(50);
    }
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const lines = service.stdout.slice(before).split('\n');
    const asked = lines.filter((line) => line.includes('"path":"/auth/a')).length;
    const dropped = lines.flatMap((line) => /were dropped.*"lines":(\d+)/.exec(line)?.slice(1) ?? []).map(Number);
    const total = asked + dropped.reduce((one, other) => one + other, 0);
    // 2,000 lines of 2 kB are 4 MB; 1 MiB waits in the process, and some in the pipe.
    expect(asked).toBeLessThan(requests);
    expect(total).toBeGreaterThanOrEqual(requests);
    expect((total - requests) % 20).toBe(0);
  });

  test('a reader that is gone (EPIPE): the service keeps working, and stops normally', async () => {
    const { service, url } = await serve(temporaryFolder(), many);
    service.child.stdout!.destroy();
    expect(await askAtLength(url, 200)).toEqual(new Set([404]));
    expect((await fetch(`${url}/api/readiness`)).status).toBe(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('a full disk: the service keeps working, and stops normally', async () => {
    if (!existsSync('/dev/full')) {
      console.warn('there is no /dev/full: a log on a full disk is not tested.');
      return;
    }
    const dataDir = temporaryFolder();
    const socket = join(dataDir, 's');
    const service = startCompiled('mlapi/cli/serve.ts', [], {
      prefix: ['sh', '-c', 'exec "$@" >/dev/full', 'sh'],
      variables: { MLAPI_DATA_DIR: dataDir, MLAPI_SOCKET: socket },
    });
    await untilReady(socket, service);
    expect(await statusOf(socket, '/api/ml')).toBe(401);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

async function untilReady(socket: string, service: TestProcess): Promise<void> {
  while ((await statusOf(socket, '/api/readiness')) !== 200) {
    if (service.child.exitCode !== null) throw new Error(service.stderr);
    await delay(50);
  }
}

function statusOf(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    request({ socketPath, path }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', () => resolve(0))
      .end();
  });
}
