import { parseArgs } from 'node:util';
import { print, UsageError, type Command, type Commands, type Operate } from '../commands/command.ts';
import { readConfig, type Config } from '../configuration.ts';
import { allMigrations, features } from '../features.ts';
import type { Feature } from '../http/feature.ts';
import { openDatabase } from '../persistence/database.ts';
import { migrate } from '../persistence/migrations.ts';
import { backupCommands } from './backup.ts';
import { certificateCommands } from './certificate.ts';
import { clientCommands } from './clients.ts';
import { keyCommands } from './keys.ts';
import { modelCommands } from './models.ts';
import { asOperator } from './operator.ts';
import { remoteCommands } from './remote.ts';
import { tokenCommands } from './tokens.ts';

const coreCommands: Commands = {
  ...clientCommands,
  ...tokenCommands,
  ...keyCommands,
  ...modelCommands,
  ...certificateCommands,
  ...backupCommands,
  ...remoteCommands,
  migrate: {
    usage: 'migrate',
    help: 'migrate the database to this version of the service; back it up first',
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

/** Every command, in the order of the help. */
export const commands: Commands = { ...coreCommands, ...(await featureCommands()) };

async function featureCommands(): Promise<Commands> {
  const all = {};
  // The configuration has the fields of every feature.
  const operate: Operate<Config> = asOperator;
  for (const feature of Object.values<Feature>(features)) {
    const commandsOf = await feature.commands?.();
    Object.assign(all, commandsOf?.(operate as never));
  }
  return all;
}

/** Runs one command. @throws {UsageError} */
export async function run(words: readonly string[]): Promise<void> {
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(commands, candidate));
  const command = name === undefined ? undefined : commands[name];
  if (name === undefined || command === undefined)
    throw new UsageError(words.length === 0 ? help() : `unknown command; the commands are:\n${help()}`);
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

/** Without "--", npm consumes our options, and a client could get more scopes than the operator wrote. */
function refuseSwallowedOptions(name: string, { options = {} }: Command): void {
  const swallowed = Object.keys(options).find((option) => process.env[`npm_config_${option}`] !== undefined);
  if (swallowed === undefined) return;
  throw new UsageError(`npm consumed --${swallowed}: write "npm run mlapi -- ${name} ..."`);
}
