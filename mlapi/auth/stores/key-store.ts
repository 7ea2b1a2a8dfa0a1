import type { Database, Queries } from '../../persistence/database.ts';
import { lockTable } from '../../persistence/dialects.ts';
import type { SigningKeyRow } from '../../persistence/schema.ts';
import { recordAudit } from '../../telemetry/audit-trail.ts';

/** A mistake in what an operator asked for, or a change that another operator made meanwhile. */
export class KeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyError';
  }
}

/** A key as it stands in the database, without what is sealed. */
export type KeyEntry = Omit<SigningKeyRow, 'sealed_private_key'>;

/** A stored key, sealed anew. */
export interface Resealed {
  readonly kid: string;
  readonly before: string;
  readonly after: string;
}

/** The signing keys in the database; private ones only sealed, and all under one passphrase. */
export class KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All keys, in the order in which they sign. */
  list(): Promise<KeyEntry[]> {
    return this.#database
      .selectFrom('signing_keys')
      .select(['kid', 'created_at', 'signs_from', 'retired_at'])
      .orderBy('signs_from')
      .orderBy('created_at')
      .execute();
  }

  /** @returns undefined if there is no such key */
  async sealedKey(kid: string): Promise<string | undefined> {
    const query = this.#database.selectFrom('signing_keys').select('sealed_private_key').where('kid', '=', kid);
    return (await query.executeTakeFirst())?.sealed_private_key;
  }

  /** Whether there is such a key, and nobody has retired it. */
  async isGood(kid: string): Promise<boolean> {
    const query = this.#database.selectFrom('signing_keys').select('retired_at').where('kid', '=', kid);
    return (await query.executeTakeFirst())?.retired_at === null;
  }

  /** Adds the first key, unless another process was faster. */
  async addFirst(row: SigningKeyRow): Promise<void> {
    await this.#change(async (queries) => {
      const found = await queries.selectFrom('signing_keys').select('kid').limit(1).executeTakeFirst();
      if (found === undefined) await insert(queries, row);
    });
  }

  /** @throws {KeyError} if the passphrase was changed since this process opened the keys */
  async add(row: SigningKeyRow): Promise<void> {
    await this.#change((queries) => insert(queries, row));
  }

  /** Retires a key, and adds its successor, if one is given, in the same moment. @throws {KeyError} */
  async retire(kid: string, at: number, successor?: SigningKeyRow): Promise<void> {
    await this.#change(async (queries) => {
      if (successor !== undefined) await insert(queries, successor);
      const { numUpdatedRows } = await queries
        .updateTable('signing_keys')
        .set({ retired_at: at })
        .where('kid', '=', kid)
        .where('retired_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw new KeyError(`there is no key ${kid} to retire`);
      await recordAudit(queries, at, 'key_retired', { detail: kid });
    });
  }

  /** Replaces what is sealed in every key, all or none. @throws {KeyError} if a key was added or changed meanwhile */
  async reseal(keys: readonly Resealed[], at: number): Promise<void> {
    await this.#change(async (queries) => {
      for (const { kid, before, after } of keys) {
        if (!(await replaceSealed(queries, kid, before, after))) throw changedMeanwhile();
      }
      const all = await queries.selectFrom('signing_keys').select('kid').execute();
      if (all.length !== keys.length) throw changedMeanwhile();
      await recordAudit(queries, at, 'passphrase_changed', { detail: `${keys.length} keys` });
    });
  }

  /** One at a time, on all machines together: what a change looks at are all keys, and that there are none. */
  async #change(work: (queries: Queries) => Promise<void>): Promise<void> {
    await this.#database.transaction().execute(async (queries) => {
      await lockTable(queries, 'signing_keys');
      await work(queries);
    });
  }
}

/** Forgets all keys, and with them every token that they signed. */
export async function deleteKeys(queries: Queries): Promise<void> {
  await queries.deleteFrom('signing_keys').execute();
}

async function insert(queries: Queries, row: SigningKeyRow): Promise<void> {
  const other = await queries
    .selectFrom('signing_keys')
    .select(['kid', 'sealed_private_key as sealed'])
    .limit(1)
    .executeTakeFirst();
  // A key under an older passphrase would stop every later start. That the row stays as it was read, its own lock ensures.
  if (other !== undefined) {
    const isUnchanged = await replaceSealed(queries, other.kid, other.sealed, other.sealed);
    if (!isUnchanged || saltOf(other.sealed) !== saltOf(row.sealed_private_key)) throw changedMeanwhile();
  }
  await queries.insertInto('signing_keys').values(row).execute();
  await recordAudit(queries, row.created_at, 'key_created', { detail: row.kid });
}

async function replaceSealed(queries: Queries, kid: string, before: string, after: string): Promise<boolean> {
  const { numUpdatedRows } = await queries
    .updateTable('signing_keys')
    .set({ sealed_private_key: after })
    .where('kid', '=', kid)
    .where('sealed_private_key', '=', before)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function saltOf(sealed: string): unknown {
  return (JSON.parse(sealed) as { salt: unknown }).salt;
}

function changedMeanwhile(): KeyError {
  return new KeyError(
    'the keys or their passphrase were changed by somebody else meanwhile: nothing was done; try again',
  );
}
