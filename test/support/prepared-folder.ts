import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyManager } from '../../mlapi/auth/keys/key-manager.ts';
import { KeyStore } from '../../mlapi/auth/stores/key-store.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { openDatabase } from '../../mlapi/persistence/database.ts';
import { allMigrations } from '../../mlapi/features.ts';
import { prepareDatabase } from '../../mlapi/persistence/migrations.ts';

type Variables = Readonly<Record<string, string>>;

/** Variables that change the keys or where they are stored, so that the template does not fit. */
const otherKeys = ['MLAPI_KEY_PASSPHRASE', 'MLAPI_KEY_PASSPHRASE_FILE', 'MLAPI_KEY_BITS', 'MLAPI_DATABASE_URL'];

/**
 * Puts into a data folder what a first start leaves there: migrated tables and one signing key. Created once per test run and copied
 * from then on, so services on prepared folders share their key. Deleted at the end of the run.
 * @param standard the variables of every test service
 * @param own the variables of this service: if they ask for other keys, the folder stays empty
 * @param at when the key is created, in epoch milliseconds
 */
export async function prepareFolder(folder: string, standard: Variables, own: Variables, at: number): Promise<void> {
  // Outside Jest nothing would delete the template.
  if (process.env.JEST_WORKER_ID === undefined || otherKeys.some((name) => name in own)) return;
  const template = join(tmpdir(), `prepared-${at}`);
  if (!existsSync(template)) await makeTemplate(template, standard, at);
  cpSync(template, folder, { recursive: true });
}

async function makeTemplate(template: string, variables: Variables, at: number): Promise<void> {
  const unfinished = `${template}-${process.pid}`;
  mkdirSync(unfinished, { mode: 0o700 });
  const config = readConfig({ ...variables, MLAPI_DATA_DIR: unfinished }, process.cwd());
  const database = openDatabase(config);
  await prepareDatabase(database, await allMigrations());
  await KeyManager.open({ store: new KeyStore(database), config, clock: () => at });
  await database.destroy();
  try {
    renameSync(unfinished, template);
  } catch {
    // Another process was faster.
    rmSync(unfinished, { recursive: true });
  }
}
