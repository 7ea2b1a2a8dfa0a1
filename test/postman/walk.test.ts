import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { startService } from '../support/service.ts';
import { allScopes } from '../support/ask.ts';

const run = promisify(execFile);
const path = 'files/mlapi.postman_collection.json';

interface Walk {
  readonly requests: number;
  readonly assertions: number;
  readonly failed: readonly string[];
}

describe('the Postman collection', () => {
  test('every request of the walk passes, without pauses', async () => {
    const { requests, assertions, failed } = await walk({});

    expect(failed).toEqual([]);
    expect(requests).toBe(39);
    expect(assertions).toBe(68);
  });

  test('with the secret of a reusable client, its requests run and pass too', async () => {
    const { requests, assertions, failed } = await walk({}, { isReusable: true });

    expect(failed).toEqual([]);
    expect(requests).toBe(40);
    expect(assertions).toBe(70);
  });

  test('fails on a service where a password works twice', async () => {
    const { failed } = await walk({ MLAPI_RESET_ONCE: 'false' });

    expect(failed).toEqual(['11. Reset with the spent password: 401: 401 and the shape of RFC 6749']);
  });

  test('contains no password and no token', () => {
    const { variable } = JSON.parse(readFileSync(path, 'utf8')) as {
      variable: { key: string; value: string }[];
    };

    const filled = variable.filter(({ value }) => value !== '').map(({ key }) => key);
    expect(filled).toEqual(['baseUrl', 'username']);
  });
});

/** Runs the collection against a service, with a client and a reusable client of its own. */
async function walk(variables: Readonly<Record<string, string>>, { isReusable = false } = {}): Promise<Walk> {
  const service = await startService(variables);
  try {
    const username = 'postman';
    const password = await service.services.clients.add(username, { scopes: allScopes });
    const clientId = 'postman-cron';
    const secret = isReusable ? { clientId, clientSecret: await service.services.clients.addReusable(clientId) } : {};
    const given = JSON.stringify({ baseUrl: service.url, username, password, ...secret });
    const { stdout } = await run(process.execPath, ['test/postman/newman-run.js', path, given]);
    return JSON.parse(stdout) as Walk;
  } finally {
    await service.close();
  }
}
