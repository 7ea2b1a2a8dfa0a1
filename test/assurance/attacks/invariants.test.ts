import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startForger, type Forger } from '../../support/forge.ts';
import { exchange, faultsOf, type RawResponse } from '../../support/raw-http.ts';
import { startWatched, type Health, type WatchedService } from '../../support/watched.ts';
import { canary, makeRefusals, type Refusal } from './corpus/refusals.ts';

let watched: WatchedService;
let forger: Forger;
let refusals: Refusal[];
let baseline: Health;
const authLimit = 150;
beforeAll(async () => {
  watched = await startWatched({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: String(authLimit) });
  forger = await startForger(watched.inside);
  refusals = await makeRefusals(watched, forger);
  for (const refusal of refusals) await send(refusal);
  await expectServed();
  baseline = await watched.health();
});
afterAll(() => watched.close());

let addresses = 0;

/** Sent from a new address each time, so that no other limit applies. */
async function send({ bytes, name }: Refusal): Promise<RawResponse> {
  addresses += 1;
  const address = `X-Forwarded-For: 198.18.${addresses >> 8}.${addresses & 255}\r\nHost: a\r\n`;
  const { answers } = await exchange(watched.port, bytes.toString('latin1').replace('Host: a\r\n', address), {
    answers: 1,
  });
  if (answers.length !== 1) throw new Error(`${name}: ${answers.length} answers`);
  return answers[0]!;
}

/** I5: the next valid request is served. */
async function expectServed(): Promise<void> {
  const request = `GET /auth/session HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.1\r\nAuthorization: Bearer ${forger.tokens.access_token}\r\n\r\n`;
  const { answers } = await exchange(watched.port, request, { answers: 1 });
  expect(answers.map(({ status }) => status)).toEqual([200]);
}

/** I1: all rows of all tables and all files, except the audit trail. */
async function readState(): Promise<{ state: string; audited: number }> {
  const { database } = watched.inside.services;
  const tables = (await database.introspection.getTables())
    .map(({ name }) => name)
    // These count requests, refused ones included.
    .filter((name) => !['audit_events', 'model_traffic'].includes(name));
  const rows = await Promise.all(
    tables.map((table) =>
      database
        .selectFrom(table as 'clients')
        .selectAll()
        .execute(),
    ),
  );
  const audit = await database.selectFrom('audit_events').select('id').execute();
  const { dataDir } = watched.inside;
  const files = readdirSync(dataDir).map((name) => [name, statSync(join(dataDir, name)).mode]);
  expect(tables).toEqual(expect.arrayContaining(['clients', 'token_families', 'signing_keys']));
  return { state: JSON.stringify([tables, rows, files]), audited: audit.length };
}

/** I2: one of two shapes, without internals. */
function expectShape({ body, status, headers }: RawResponse, isAuth: boolean): void {
  const fields = JSON.parse(body) as Record<string, unknown>;
  if (isAuth) {
    expect(Object.keys(fields).sort()).toEqual(['error', 'error_description']);
    expect(fields.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  } else {
    const known = ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id', 'errors'];
    expect(Object.keys(fields).filter((name) => !known.includes(name))).toEqual([]);
    expect(fields).toMatchObject({ status, request_id: headers['x-request-id'], code: expect.stringMatching(/^\w+$/) });
  }
}

/** I3: the log lines of a request, once the line of a later request has arrived. */
async function linesOf(id: string): Promise<Record<string, unknown>[]> {
  const last = `last-of-${(addresses += 1)}`;
  await exchange(watched.port, `GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${last}\r\n\r\n`, { answers: 1 });
  await watched.process.says(new RegExp(`"request_id":"${last}".*\n`));
  return watched.lines().filter((line) => line.request_id === id);
}

async function expectRefusedCleanly(refusal: Refusal): Promise<void> {
  const before = await readState();
  const answer = await send(refusal);
  expect([refusal.name, answer.status]).toEqual([refusal.name, refusal.status]);
  // Includes I6: no-store, nosniff, and only documented 5xx.
  expect([refusal.name, ...faultsOf(answer)]).toEqual([refusal.name]);
  expectShape(answer, refusal.isAuth);
  for (const secret of secrets())
    expect([refusal.name, JSON.stringify(answer).includes(secret)]).toEqual([refusal.name, false]);
  const lines = await linesOf(answer.headers['x-request-id'] ?? '');
  expect(lines).toMatchObject([
    { level: 'info', message: 'request', status: refusal.status, code: expect.stringMatching(/^[a-z_]+$/) },
  ]);
  const after = await readState();
  expect([refusal.name, after.state]).toEqual([refusal.name, before.state]);
  // Only the first refusal in a minute is audited, which may have been earlier.
  const most = refusal.isAudited === true ? 1 : 0;
  expect([refusal.name, [0, most].includes(after.audited - before.audited)]).toEqual([refusal.name, true]);
}

/** Secrets, and the parts of tokens. */
function secrets(): string[] {
  const all = [canary, btoa(canary), forger.tokens.access_token, forger.tokens.refresh_token];
  return [...all, ...all.flatMap((token) => token.split('.').slice(1))];
}

/** I4. A pause caused by a refusal recurs; one caused by garbage collection does not. */
async function expectNobodyWaits(refusal: Refusal): Promise<void> {
  const delays: number[] = [];
  for (let attempt = 0; attempt < 4 && (delays.at(-1) ?? Infinity) >= 200; attempt += 1) {
    await watched.health();
    await send(refusal);
    delays.push((await watched.health()).longestDelayMs);
  }
  expect([refusal.name, Math.min(...delays) < 200, delays]).toEqual([refusal.name, true, delays]);
}

const cases = [
  ...['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7', 'A8', 'A9', 'A10', 'A11', 'A12', 'A13', 'A14', 'A15', 'A16', 'A17'],
  ...['A18', 'A19', 'A20', 'A21', 'A22', 'A26', 'B28', 'B29', 'B30', 'B34', 'B36', 'B38', 'B45', 'B46', 'B49', 'B50'],
  ...['C54', 'C55', 'C56', 'C57', 'C58', 'C59', 'C60', 'C61', 'C62', 'C63', 'C64', 'C65', 'C66', 'C68', 'C72'],
];

describe('I1 to I6: a refusal changes nothing, discloses nothing, is logged once, and blocks nobody', () => {
  test.each(cases)('%s', async (id) => {
    const group = refusals.filter((refusal) => refusal.case === id);
    expect(group.length).toBeGreaterThan(0);
    for (const refusal of group) await expectRefusedCleanly(refusal);
    await expectServed();
    for (const refusal of group) await expectNobodyWaits(refusal);
  });

  test('audited refusals are in the audit trail', async () => {
    const audited = refusals.filter(({ isAudited }) => isAudited === true);
    const { database } = watched.inside.services;
    const query = database.selectFrom('audit_events').select('event').where('event', '=', 'scope_refused');
    expect(audited.length).toBeGreaterThan(0);
    expect((await query.execute()).length).toBeGreaterThanOrEqual(audited.length);
  });

  test('the cases cover all refused requests', () => {
    expect([...new Set(refusals.map((refusal) => refusal.case))].filter((id) => !cases.includes(id))).toEqual([]);
  });

  test('429: over the limit of an address', async () => {
    const wrong = refusals.find(({ name }) => name === 'a name that is a list')!;
    const request = wrong.bytes.toString('latin1').replace('Host: a\r\n', 'Host: a\r\nX-Forwarded-For: 192.0.2.77\r\n');
    const { answers } = await exchange(watched.port, request.repeat(authLimit + 1), { answers: authLimit + 1 });
    const last = answers.at(-1)!;
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(authLimit).fill(400), 429]);
    expect(faultsOf(last)).toEqual([]);
    expectShape(last, true);
    expect(await linesOf(last.headers['x-request-id'] ?? '')).toMatchObject([{ status: 429, code: 'rate_limited' }]);
    await expectServed();
  });

  test('I4: the same process, as many open files, and no more memory than before', async () => {
    for (let round = 0; round < 3; round += 1) for (const refusal of refusals) await send(refusal);
    let health = await watched.health();
    for (let tries = 0; tries < 100 && health.descriptors > baseline.descriptors; tries += 1)
      health = await watched.health();
    expect(health.pid).toBe(baseline.pid);
    expect(watched.process.child.exitCode).toBeNull();
    expect(health.descriptors).toBeLessThanOrEqual(baseline.descriptors);
    expect(health.heldMiB - baseline.heldMiB).toBeLessThan(20);
  });

  test('I3: the log has no secrets and only JSON lines, and standard error is empty', () => {
    for (const secret of secrets()) {
      expect([secret, watched.process.stdout.includes(secret)]).toEqual([secret, false]);
    }
    expect(watched.lines().length).toBeGreaterThan(refusals.length);
    expect(watched.process.stderr).toBe('');
  });
});
