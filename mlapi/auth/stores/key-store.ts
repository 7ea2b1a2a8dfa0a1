import type { Database, Queries } from '../../persistence/database.ts';
import { lockTableOnPostgres } from '../../persistence/dialects.ts';
import type { SigningKeyRow } from '../../persistence/schema.ts';
import { recordAudit } from '../../telemetry/audit-trail.ts';

/** An invalid request of an operator, or a change that another operator made meanwhile. The message is shown to the operator. */
export class KeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyError';
  }
}

/** A stored key without its encrypted private key. */
export type KeyEntry = Omit<SigningKeyRow, 'sealed_private_key'>;

/** A key encrypted under a new passphrase, with the ciphertext that it replaces. */
export interface Resealed {
  readonly kid: string;
  readonly before: string;
  readonly after: string;
}

/** The signing keys in the database. Private keys are encrypted, all under one passphrase. */
export class KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All keys, sorted by `signsFrom`. */
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

  /** Whether the key exists and is not retired. */
  async isGood(kid: string): Promise<boolean> {
    const query = this.#database.selectFrom('signing_keys').select('retired_at').where('kid', '=', kid);
    return (await query.executeTakeFirst())?.retired_at === null;
  }

  /** Adds the first key, unless another process has added one. */
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

  /** Retires a key and adds its successor, if given, in one transaction. @throws {KeyError} */
  async retire(kid: string, at: number, successor?: SigningKeyRow): Promise<void> {
    await this.#change(async (queries) => {
      if (successor !== undefined) await insert(queries, successor);
      const { numUpdatedRows } = await queries
        .updateTable('signing_keys')
        .set({ retired_at: at })
        .where('kid', '=', kid)
        .where('retired_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw new KeyError(`no key ${kid}, or it is retired already`);
      await recordAudit(queries, at, 'key_retired', { detail: kid });
    });
  }

  /** Replaces the ciphertext of every key, all or none. @throws {KeyError} if a key was added or changed meanwhile */
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

  /** Serialises changes across machines with a table lock: row locks cannot protect an empty table. */
  async #change(work: (queries: Queries) => Promise<void>): Promise<void> {
    await this.#database.transaction().execute(async (queries) => {
      await lockTableOnPostgres(queries, 'signing_keys');
      await work(queries);
    });
  }
}

/** Deletes all keys, which invalidates every token that they signed. */
export async function deleteKeys(queries: Queries): Promise<void> {
  await queries.deleteFrom('signing_keys').execute();
}

async function insert(queries: Queries, row: SigningKeyRow): Promise<void> {
  const other = await queries
    .selectFrom('signing_keys')
    .select(['kid', 'sealed_private_key as sealed'])
    .limit(1)
    .executeTakeFirst();
  // A key under an older passphrase would make every later start fail. The update locks the row that was compared.
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
  return new KeyError('another operator changed the keys or their passphrase meanwhile; nothing was done, try again');
}
