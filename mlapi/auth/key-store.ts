import type { Database, Queries } from '../persistence/database.ts';
import type { SigningKeyRow } from '../persistence/schema.ts';
import { recordAudit } from '../telemetry/audit-trail.ts';

/** The signing keys in the database; private ones only sealed. */
export class KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All keys, in the order in which they sign. */
  list(): Promise<SigningKeyRow[]> {
    return this.#database.selectFrom('signing_keys').selectAll().orderBy('signs_from').orderBy('created_at').execute();
  }

  async has(kid: string): Promise<boolean> {
    const query = this.#database.selectFrom('signing_keys').select('kid').where('kid', '=', kid);
    return (await query.executeTakeFirst()) !== undefined;
  }

  /** Adds the first key, unless another process was faster. */
  async addFirst(row: SigningKeyRow): Promise<void> {
    await this.#database.transaction().execute(async (queries) => {
      const found = await queries.selectFrom('signing_keys').select('kid').limit(1).executeTakeFirst();
      if (found === undefined) await insert(queries, row);
    });
  }

  async add(row: SigningKeyRow): Promise<void> {
    await this.#database.transaction().execute((queries) => insert(queries, row));
  }

  /** @returns whether such a key was there to retire. */
  async retire(kid: string, at: number): Promise<boolean> {
    return this.#database.transaction().execute(async (queries) => {
      const { numUpdatedRows } = await queries
        .updateTable('signing_keys')
        .set({ retired_at: at })
        .where('kid', '=', kid)
        .where('retired_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) await recordAudit(queries, at, 'key_retired', { detail: kid });
      return numUpdatedRows > 0n;
    });
  }
}

async function insert(queries: Queries, row: SigningKeyRow): Promise<void> {
  await queries.insertInto('signing_keys').values(row).execute();
  await recordAudit(queries, row.created_at, 'key_created', { detail: row.kid });
}
