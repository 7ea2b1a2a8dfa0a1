import { onlyWord, print, type Command } from './command.ts';
import { asOperator } from './operator.ts';

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
    help: 'make a new signing key: published at once, signing after ten minutes, or now',
    options: { now: { type: 'boolean' } },
    run: (given) =>
      asOperator(async (operator) => print(await (await operator.keys()).rotate({ now: given.options.now === true }))),
  },
  'keys retire': {
    usage: 'keys retire KID',
    help: 'refuse every token that this key signed, from now on: for a key that leaked',
    run: (given) => asOperator(async (operator) => (await operator.keys()).retire(onlyWord(given, 'kid'))),
  },
  'keys export': {
    usage: 'keys export',
    help: 'print the public keys as a JWKS',
    run: () =>
      asOperator(async (operator) => print(JSON.stringify({ keys: (await operator.keys()).publicKeys() }, null, 2))),
  },
};
