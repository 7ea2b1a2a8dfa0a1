import type { Config } from '../../config/config.ts';
import { openDatabase, type Database } from '../../persistence/database.ts';
import { prepareDatabase } from '../../persistence/migrations.ts';
import { KeyManager } from './key-manager.ts';
import { KeyStore } from '../stores/key-store.ts';

export interface OpenKeys {
  readonly database: Database;
  /** While the passphrase is stretched, on a thread of its own, this one is free for a third of a second. */
  readonly keys: Promise<KeyManager>;
}

/**
 * Opens the database, and begins to open the keys in it.
 * @param clock epoch milliseconds
 * @throws {MigrationPending}; the keys reject with {WrongPassphrase}
 */
export async function openKeys(config: Config, clock: () => number = Date.now): Promise<OpenKeys> {
  const database = openDatabase(config);
  await prepareDatabase(database);
  const keys = KeyManager.open({ store: new KeyStore(database), config, clock });
  // Who waits for them hears of it.
  keys.catch(() => undefined);
  return { database, keys };
}
