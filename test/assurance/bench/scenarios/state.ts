import { join } from 'node:path';
import Database from 'libsql';
import { runContests } from '../compare.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

const clients = 100_000;
const familiesEach = 10;
const dayMs = 86_400_000;

/** Does a large, old database slow down requests? */
export async function state({ home, generator, pace, say }: Bench): Promise<Section> {
  const prepare = (dataDir: string) => {
    fill(join(dataDir, 'mlapi.db'));
    return Promise.resolve();
  };
  const servers = new Map([
    ['empty', await startService({ home })],
    ['full', await startService({ home, prepare })],
  ]);
  const contest = { title: 'state', cell: { rows: 1, connections: 32 }, servers, base: 'empty' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = [
      `"full": ${clients.toLocaleString('en')} clients more, and ${(clients * familiesEach).toLocaleString('en')} token families ` +
        'whose refresh tokens are spent: of every client one lives, the others were ended by a reset.',
    ];
    return { title: 'A full database beside an empty one', notes, results, facts: [] };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

/** From numbers that the database generates itself, instead of sending a million rows. */
function fill(path: string): void {
  const database = new Database(path);
  const now = Date.now();
  const numbers = (count: number) =>
    `with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ${count - 1})`;
  const id = "lower(hex(randomblob(4)) || '-' || hex(randomblob(12)))";
  database.exec(`begin;
    insert into clients (id, name, password_hash, scopes, created_at, password_spent_at)
      ${numbers(clients)} select 'bench-' || n, 'bench-' || n, 'none', 'models:predict models:read', ${now}, ${now} from numbers;
    insert into token_families (id, client_id, scopes, generation, refresh_jti, previous_jti, rotated_at, expires_at,
        created_at, ended_at, ended_by, last_address)
      ${numbers(clients * familiesEach)}
      select ${id}, 'bench-' || (n % ${clients}), 'models:predict models:read', 1, ${id}, ${id}, ${now}, ${now + dayMs}, ${now},
        iif(n < ${clients}, null, ${now}), iif(n < ${clients}, null, 'reset'), '127.0.0.1' from numbers;
    commit;`);
  database.close();
}
