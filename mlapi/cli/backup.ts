import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { voidCredentials } from '../auth/clients/invalidate-credentials.ts';
import { makePassword, Passwords } from '../auth/clients/passwords.ts';
import { readConfig, type Config } from '../configuration.ts';
import { copyDatabase } from '../persistence/copy.ts';
import { sqliteFile, type Queries } from '../persistence/database.ts';
import { onlyWord, print, UsageError, type Command } from '../commands/command.ts';
import { asOperator } from './operator.ts';

export const backupCommands: Readonly<Record<string, Command>> = {
  backup: {
    usage: 'backup FILE',
    help: 'copy the database while the service runs; passwords, secrets, tokens and keys in the copy are invalidated',
    run: async (given) => {
      const file = onlyWord(given, 'file');
      const config = readConfig();
      refusePostgres(config, 'pg_dump copies it');
      await copyDatabase(sqliteFile(config.dataDir), resolve(file), await voiding('backup'));
      print(file);
    },
  },
  restore: {
    usage: 'restore FILE | --in-place',
    help: 'restore a copy into a stopped service; --in-place: after a restore by other means',
    options: { 'in-place': { type: 'boolean' } },
    run: async (given) => {
      const isInPlace = given.options['in-place'] === true;
      if (isInPlace && given.words.length > 0) throw new UsageError('a file and --in-place exclude each other');
      const names = isInPlace ? await voidInPlace() : await restoreFile(resolve(onlyWord(given, 'file')), readConfig());
      if (names.length === 0) return;
      print(
        'each client needs a new password (clients reset-password NAME) to have access again; a reusable one a new secret (clients rotate-secret NAME):',
      );
      for (const name of names) print(name);
    },
  },
};

async function restoreFile(file: string, { dataDir, databaseUrl }: Config): Promise<string[]> {
  refusePostgres({ databaseUrl }, 'pg_restore restores it, and then "restore --in-place" ends what came back');
  const path = sqliteFile(dataDir);
  // A leftover log would be applied to the new file.
  const inTheWay = [path, `${path}-wal`, `${path}-shm`].filter((name) => existsSync(name));
  if (inTheWay.length > 0)
    throw new UsageError(`stop the service, and move these to another folder: ${inTheWay.join(', ')}`);
  if (!existsSync(dataDir)) mkdirSync(dataDir, { mode: 0o700 });
  return copyDatabase(file, path, await voiding('restore'));
}

function voidInPlace(): Promise<string[]> {
  return asOperator(async (operator) => {
    const names = await operator.transaction(await voiding('restore'));
    // Creates the new key; a running service finds it within a second.
    await operator.keys();
    return names;
  });
}

async function voiding(occasion: 'backup' | 'restore'): Promise<(queries: Queries) => Promise<string[]>> {
  const passwordHash = await (await Passwords.create()).hash(makePassword());
  return (queries) => voidCredentials(queries, { at: Date.now(), passwordHash, occasion });
}

function refusePostgres({ databaseUrl }: Pick<Config, 'databaseUrl'>, remedy: string): void {
  if (databaseUrl !== undefined) throw new UsageError(`the database is in PostgreSQL: ${remedy}`);
}
