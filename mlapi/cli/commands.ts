import { parseArgs } from 'node:util';
import { readConfig } from '../configuration.ts';
import { allMigrations } from '../features.ts';
import { openDatabase } from '../persistence/database.ts';
import { migrate } from '../persistence/migrations.ts';
import { backupCommands } from './backup.ts';
import { certificateCommands } from './certificate.ts';
import { clientCommands } from './clients.ts';
import { print, UsageError, type Command } from './command.ts';
import { keyCommands } from './keys.ts';
import { modelStoreCommands } from './model-store.ts';
import { modelCommands } from './models.ts';
import { remoteCommands } from './remote.ts';
import { tokenCommands } from './tokens.ts';

/** Every command, in the order of the help. */
export const commands: Readonly<Record<string, Command>> = {
  ...clientCommands,
  ...tokenCommands,
  ...keyCommands,
  ...modelCommands,
  ...modelStoreCommands,
  ...certificateCommands,
  ...backupCommands,
  ...remoteCommands,
  migrate: {
    usage: 'migrate',
    help: 'bring the database up to this version of the service; back it up before',
    run: async () => {
      const database = openDatabase(readConfig(), { isPatient: true });
      const names = await migrate(database, await allMigrations()).finally(() => database.destroy());
      print(names.length === 0 ? 'nothing to migrate' : names.join('\n'));
    },
  },
  serve: {
    usage: 'serve',
    help: 'serve; production only with NODE_ENV=production',
    run: async () => {
      await import('./serve.ts');
    },
  },
};

/** Runs one command. @throws {UsageError} */
export async function run(words: readonly string[]): Promise<void> {
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(commands, candidate));
  const command = name === undefined ? undefined : commands[name];
  if (name === undefined || command === undefined)
    throw new UsageError(words.length === 0 ? help() : `there is no such command; these are:\n${help()}`);
  refuseSwallowedOptions(name, command);
  const args = words.slice(name.split(' ').length);
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args, options: command.options ?? {}, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : ''}\nusage: ${command.usage}`);
  }
  await command.run({
    words: parsed.positionals,
    options: parsed.values as Record<string, string | boolean | string[]>,
  });
}

function help(): string {
  const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length));
  const lines = Object.values(commands).map(({ usage, help: text }) => `  ${usage.padEnd(width)}  ${text}`);
  return `npm run mlapi -- COMMAND\n${lines.join('\n')}`;
}

/** Without the "--", npm keeps our options to itself, and a client would get more scopes than the operator wrote. */
function refuseSwallowedOptions(name: string, { options = {} }: Command): void {
  const swallowed = Object.keys(options).find((option) => process.env[`npm_config_${option}`] !== undefined);
  if (swallowed === undefined) return;
  throw new UsageError(`npm kept --${swallowed} to itself: write "npm run mlapi -- ${name} ..."`);
}
