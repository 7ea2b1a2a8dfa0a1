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

/** What makes the keys of a service, or where they are, another thing than the template holds. */
const otherKeys = ['MLAPI_KEY_PASSPHRASE', 'MLAPI_KEY_PASSPHRASE_FILE', 'MLAPI_KEY_BITS', 'MLAPI_DATABASE_URL'];

/**
 * Puts into a data folder what a first start leaves there: migrated tables and one signing key. They are made once in a run of the
 * tests and copied from then on: services on prepared folders have the same key. The run deletes it at its end.
 * @param standard variables of every test service; `own` are those of this one, which may ask for other keys: then nothing is put there
 * @param at when the key is made, in epoch milliseconds
 */
export async function prepareFolder(folder: string, standard: Variables, own: Variables, at: number): Promise<void> {
  // Outside Jest nobody would delete the template.
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
    // Another worker was faster.
    rmSync(unfinished, { recursive: true });
  }
}
