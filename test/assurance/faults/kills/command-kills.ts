import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { verify } from '@node-rs/argon2';
import { mlapi, startCompiled } from '../../../support/child.ts';
import { KilledDatabase } from './database-check.ts';

/** @returns the faults after a kill, given the acknowledged operations and one that had begun */
type Check = (
  database: KilledDatabase,
  done: readonly string[],
  begun: string | undefined,
  run: string,
) => string[] | Promise<string[]>;

const one = `from clients where name = ?`;
const eventsOf = (event: string) =>
  `audit_events where event = '${event}' and client_id = (select id from clients where name = ?)`;

/** For every kind of write by the commands, how to check that it is atomic. */
const checks: Readonly<Record<string, Check>> = {
  'clients add': (database, done, begun) => [
    ...missing(done, (name) => database.count(eventsOf('client_added'), name) === 1),
    ...half(begun, (name) => [
      database.count(`clients where name = ?`, name),
      database.count(eventsOf('client_added'), name),
    ]),
  ],
  'clients import': (database, done, begun) => [
    ...missing(done, (name) => database.count(`clients where name like ?`, `${name}-%`) === 20),
    ...half(begun, (name) => [
      database.count(`clients where name like ?`, `${name}-%`) / 20,
      database.count(
        `audit_events where event = 'client_added' and client_id in (select id from clients where name like ?)`,
        `${name}-%`,
      ) / 20,
    ]),
  ],
  'clients disable': (database, done, begun, run) => {
    const faults: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      const name = `c-${run}-${index}`;
      const isDisabled = database.one(`select disabled_at as at ${one}`, name)?.at !== null;
      const times = done.filter((subject) => subject === name).length;
      const found =
        database.count(eventsOf('client_disabled'), name) + database.count(eventsOf('client_enabled'), name);
      if (found !== times && !(name === begun && found === times + 1))
        faults.push(`${name}: ${found} of ${times} changes`);
      if (isDisabled !== (found % 2 === 1)) faults.push(`${name}: its state is not that of its last change`);
      const alive = database.count(
        `token_families where ended_at is null and client_id = (select id from clients where name = ?)`,
        name,
      );
      if (alive !== (found === 0 ? 1 : 0)) faults.push(`${name}: ${alive} families alive after ${found} changes`);
    }
    return faults;
  },
  'clients reset-password': async (database, done, begun) => {
    const faults: string[] = [];
    const names = begun === undefined ? done : [...done, begun];
    for (const name of names.slice(-5)) {
      const hash = String(database.one(`select password_hash as hash ${one}`, name)?.hash);
      const isNew = await verify(hash, 'the new one');
      const changes = database.count(eventsOf('client_password_changed'), name);
      const alive = database.count(
        `token_families where ended_at is null and client_id = (select id from clients where name = ?)`,
        name,
      );
      if (name !== begun && !isNew) faults.push(`${name}: the new password is lost`);
      if (!isNew && !(await verify(hash, 'the old one'))) faults.push(`${name}: no password is good`);
      if (changes !== (isNew ? 1 : 0) || alive !== (isNew ? 0 : 1)) faults.push(`${name}: half changed`);
    }
    return faults;
  },
  // The message contains the number of keys at that time.
  'keys rotate': (database, done, begun) => {
    const found = database.count('signing_keys');
    const told = Number(done.at(-1) ?? 0);
    return found === told || found === Number(begun) || (done.length === 0 && found === Number(begun) - 1)
      ? []
      : [`${found} keys after ${told}`];
  },
  'keys retire': (database, done) =>
    missing(done, (kid) => database.count(`signing_keys where kid = ? and retired_at is not null`, kid) === 1),
  purge: (database, done, begun, run) => [
    ...missing(done, (prefix) => database.count(`token_families where id like ?`, `${prefix}-%`) === 0),
    ...half(begun, (prefix) => [database.count(`token_families where id like ?`, `${prefix}-%`) / 200]),
    ...missing([`c-${run}-0`], (name) => {
      const id = database.one(`select id ${one}`, name)?.id;
      return database.count(`token_families where expires_at > 1 and client_id = ?`, id) === 1;
    }),
  ],
  migrate: () => [],
};

/** The latest time of the kill after the first write: creating a key takes long, retiring it does not. */
const longestMs: Readonly<Record<string, number>> = { 'keys rotate': 900, 'keys retire': 15 };

export const commandKinds = Object.keys(checks);

export interface CommandKill {
  readonly kind: string;
  readonly done: number;
  readonly begun: string | undefined;
  readonly faults: readonly string[];
}

/** Kills a process during its writes, and checks what is left. `run` is a unique word. */
export async function killCommand(dataDir: string, kind: string, run: string): Promise<CommandKill> {
  const writer = startCompiled('test/assurance/faults/kills/writer.ts', [kind, run], {
    variables: { MLAPI_DATA_DIR: dataDir },
  });
  await writer.says(/^do /m);
  await delay(Math.random() * (longestMs[kind] ?? 250));
  const { signal } = await writer.kill();
  const lines = writer.stdout.split('\n');
  const subjects = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const done = subjects('done');
  const begun = subjects('do').length > done.length ? subjects('do').at(-1) : undefined;
  const database = new KilledDatabase(dataDir);
  const faults = [...database.faults(), ...(await checks[kind]!(database, done, begun, run))];
  database.close();
  if (signal !== 'SIGKILL') faults.push(`it ended by itself: ${writer.stderr}`);
  if (kind === 'migrate') faults.push(...(await brokenFolders(dataDir, begun)));
  return { kind, done: done.length, begun, faults };
}

/** Folders of killed first starts that the next start cannot use. */
async function brokenFolders(dataDir: string, begun: string | undefined): Promise<string[]> {
  const folder = readdirSync(dataDir).find((name) => name === begun);
  if (folder === undefined) return [];
  const { code, stderr } = await mlapi(join(dataDir, folder), ['clients', 'list']);
  return code === 0 ? [] : [`a killed first start: ${stderr}`];
}

function missing(done: readonly string[], isThere: (subject: string) => boolean): string[] {
  return done.filter((subject) => !isThere(subject)).map((subject) => `acknowledged and lost: ${subject}`);
}

/** An operation that had begun is complete or absent: its counts are all 0 or all 1. */
function half(begun: string | undefined, counts: (subject: string) => number[]): string[] {
  if (begun === undefined) return [];
  const found = counts(begun);
  return found.every((count) => count === 0) || found.every((count) => count === 1)
    ? []
    : [`half done: ${begun} (${found.join(', ')})`];
}
