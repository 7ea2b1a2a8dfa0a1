import { onlyWord, print, UsageError, type Command } from '../commands/command.ts';
import { asOperator } from './operator.ts';
import { readSecret, secretOptions } from './terminal.ts';

export const keyCommands: Readonly<Record<string, Command>> = {
  'keys list': {
    usage: 'keys list',
    help: 'list the signing keys and their states',
    run: () =>
      asOperator(async (operator) => {
        for (const { kid, state, signsFrom } of (await operator.keys()).list()) {
          print([kid, state, `signs from ${new Date(signsFrom).toISOString()}`].join('\t'));
        }
      }),
  },
  'keys rotate': {
    usage: 'keys rotate [--now]',
    help: 'make a new signing key: published at once, signs after ten minutes, or at once with --now',
    options: { now: { type: 'boolean' } },
    run: (given) =>
      asOperator(async (operator) => print(await (await operator.keys()).rotate({ now: given.options.now === true }))),
  },
  'keys retire': {
    usage: 'keys retire KID [--now]',
    help: 'retire a key that no valid token needs; with --now any key, rejecting its tokens: for a leaked key',
    options: { now: { type: 'boolean' } },
    run: (given) =>
      asOperator(async (operator) => {
        const kid = onlyWord(given, 'kid');
        const successor = await (await operator.keys()).retire(kid, { now: given.options.now === true });
        if (successor !== undefined) print(`${successor} signs in its place`);
      }),
  },
  'keys change-passphrase': {
    usage: 'keys change-passphrase --stdin | --prompt',
    help: 'encrypt all keys under a new passphrase; configure it before the next start or reload of the service',
    options: secretOptions,
    run: async (given) => {
      if (given.words.length > 0) throw new UsageError('expected options only');
      const passphrase = await readSecret(given, 'new passphrase: ');
      if (passphrase === undefined) throw new UsageError('expected --stdin or --prompt');
      const count = await asOperator(async (operator) => (await operator.keys()).changePassphrase(passphrase));
      print(`${count} keys encrypted: configure the new passphrase before the next start or reload of the service`);
    },
  },
  'keys export': {
    usage: 'keys export',
    help: 'print the public keys as a JWKS',
    run: () =>
      asOperator(async (operator) => print(JSON.stringify({ keys: (await operator.keys()).publicKeys() }, null, 2))),
  },
};
