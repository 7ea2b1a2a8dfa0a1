import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { mlapi, serve } from '../../support/child.ts';
import { projectRoot } from '../../support/compiled.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';

const dataDir = temporaryFolder();
let tokens: Tokens;
beforeAll(async () => {
  await mlapi(dataDir, ['clients', 'add', 'caller']);
  tokens = JSON.parse((await mlapi(dataDir, ['tokens', 'issue', 'caller'])).stdout) as Tokens;
}, 120_000);

const folder = join(projectRoot, 'resources/models/nsl-kdd-classifier');
const body = readFileSync(join(folder, 'sample.json'), 'utf8');

interface Told {
  readonly status: number;
  /** Whether the response is complete and correct. */
  readonly isWhole: boolean;
}

/** One prediction; undefined without any response. */
function predict(url: string, agent: Agent): Promise<Told | undefined> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' };
    const sent = request(`${url}/api/ml`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      const status = response.statusCode ?? 0;
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.once('error', () => resolve({ status, isWhole: false }));
      response.once('end', () => resolve({ status, isWhole: status === 200 && text.includes('"predictions":[') }));
    });
    sent.once('error', () => resolve(undefined));
    sent.end(body);
  });
}

test('SIGTERM at full load: no response is cut off or wrong, and the service exits with 0 within its time limit', async () => {
  const { service, url } = await serve(dataDir, { variables: { MLAPI_RATE_LIMIT_PER_MINUTE: '1000000' } });
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const told: Told[] = [];
  const load = { isOn: true };
  const callers = Array.from({ length: 32 }, async () => {
    while (load.isOn) {
      const answer = await predict(url, agent);
      if (answer === undefined) return;
      told.push(answer);
    }
  });
  while (told.length < 500) await predict(url, agent);
  const before = told.length;
  const startedAt = performance.now();
  expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  // The unit's TimeoutStopSec, after which systemd would kill.
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  load.isOn = false;
  await Promise.all(callers);
  agent.destroy();
  expect(told.length).toBeGreaterThan(before);
  expect(told.filter(({ status, isWhole }) => status !== 200 || !isWhole)).toEqual([]);
});
