import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { asOperator } from '../../../../mlapi/cli/operator.ts';
import { exitWithMessage } from '../../../../mlapi/http/server/service.ts';
import { openDatabase } from '../../../../mlapi/persistence/database.ts';
import { allMigrations } from '../../../../mlapi/features.ts';
import { prepareDatabase } from '../../../../mlapi/persistence/migrations.ts';

// Writes endlessly, and prints each operation before and after it: to be killed at any moment.

const dataDir = process.env.MLAPI_DATA_DIR ?? '';

/** A kind of write: called with 0, 1, 2, ...; it announces each operation before doing it. */
type Write = (index: number, about: (subject: string) => void) => Promise<void>;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function repeat(write: Write): Promise<void> {
  for (let index = 0; ; index += 1) {
    let subject = '';
    await write(index, (named) => {
      subject = named;
      say(`do ${subject}`);
    });
    say(`done ${subject}`);
  }
}

/** SQLite in a folder. */
function at(folder: string): { dataDir: string; databaseUrl: undefined } {
  return { dataDir: folder, databaseUrl: undefined };
}

function familyLongGone(id: string, clientId: string) {
  const times = { rotated_at: 0, expires_at: 1, created_at: 0 };
  const head = { generation: 0, refresh_jti: 'none', last_address: '' };
  return { id, client_id: clientId, scopes: '', ...head, ...times };
}

const run = process.argv[3] ?? '';
const name = (index: number) => `c-${run}-${index}`;

const kinds: Readonly<Record<string, () => Promise<void>>> = {
  'clients add': () =>
    asOperator(async (operator) => {
      const clients = await operator.clients();
      await repeat(async (index, about) => {
        about(name(index));
        await clients.add(name(index), { password: 'the same for all' });
      });
    }),
  'clients import': () =>
    asOperator(async (operator) => {
      const clients = await operator.clients();
      const password = (await clients.list())[0]!.passwordHash;
      await repeat(async (index, about) => {
        about(name(index));
        await clients.import(Array.from({ length: 20 }, (_, at) => ({ name: `${name(index)}-${at}`, password })));
      });
    }),
  'clients disable': () =>
    asOperator(async (operator) => {
      const clients = await operator.clients();
      const tokens = await operator.tokens();
      const password = (await clients.list())[0]!.passwordHash;
      await clients.import(Array.from({ length: 40 }, (_, index) => ({ name: name(index), password })));
      for (let index = 0; index < 40; index += 1) await tokens.issue(await clients.get(name(index)));
      await repeat(async (index, about) => {
        about(name(index % 40));
        if (index % 80 < 40) await clients.disable(name(index % 40));
        else await clients.enable(name(index % 40));
      });
    }),
  'clients reset-password': () =>
    asOperator(async (operator) => {
      const clients = await operator.clients();
      const tokens = await operator.tokens();
      await repeat(async (index, about) => {
        await clients.add(name(index), { password: 'the old one' });
        await tokens.issue(await clients.get(name(index)));
        about(name(index));
        await clients.resetPassword(name(index), { password: 'the new one' });
      });
    }),
  'keys rotate': () =>
    asOperator(async (operator) => {
      const keys = await operator.keys();
      await repeat(async (_index, about) => {
        about(String(keys.list().length + 1));
        await keys.rotate({ now: true });
      });
    }),
  'keys retire': () =>
    asOperator(async (operator) => {
      const keys = await operator.keys();
      await repeat(async (_index, about) => {
        await keys.rotate({ now: true });
        const { kid } = keys.list().find(({ state }) => state === 'verifying')!;
        about(kid);
        await keys.retire(kid, { now: true });
      });
    }),
  purge: () =>
    asOperator(async (operator) => {
      const clients = await operator.clients();
      const tokens = await operator.tokens();
      await clients.add(name(0));
      const client = await clients.get(name(0));
      await tokens.issue(client);
      const database = openDatabase(at(dataDir));
      await repeat(async (index, about) => {
        const expired = Array.from({ length: 200 }, (_, row) => familyLongGone(`${run}-${index}-${row}`, client.id));
        await database.insertInto('token_families').values(expired).execute();
        about(`${run}-${index}`);
        await tokens.purge();
      });
    }),
  migrate: () =>
    repeat(async (index, about) => {
      about(`fresh-${run}-${index}`);
      const database = openDatabase(at(join(dataDir, `fresh-${run}-${index}`)));
      await prepareDatabase(database, await allMigrations());
      await database.destroy();
    }),
};

await (kinds[process.argv[2] ?? ''] ?? (() => Promise.reject(new Error('no such kind of write'))))().catch(
  exitWithMessage,
);
