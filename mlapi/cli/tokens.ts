import { onlyWord, print, type Command } from '../commands/command.ts';
import { asOperator } from './operator.ts';
import { readStandardInput } from './terminal.ts';

export const tokenCommands: Readonly<Record<string, Command>> = {
  'tokens issue': {
    usage: 'tokens issue NAME [--scopes A,B]',
    help: 'print tokens for a client, in the form of /auth/reset (only an access token for a reusable one); its other tokens stay valid',
    options: { scopes: { type: 'string' } },
    run: (given) =>
      asOperator(async (operator) => {
        const client = await (await operator.clients()).get(onlyWord(given, 'name'));
        const scopes = given.options.scopes;
        const scope = typeof scopes === 'string' ? scopes.replaceAll(',', ' ') : undefined;
        const isReusable = client.secret !== undefined;
        const answer = isReusable
          ? await (await operator.grants()).issue(client.name, scope)
          : await (await operator.tokens()).issue(client, scope);
        print(JSON.stringify(answer));
      }),
  },
  'tokens revoke': {
    usage: 'tokens revoke NAME | --stdin',
    help: 'revoke all tokens of a client, or the family of the token on standard input',
    options: { stdin: { type: 'boolean' } },
    run: async (given) => {
      const isOneToken = given.options.stdin === true;
      const token = isOneToken ? await readStandardInput() : '';
      await asOperator(async (operator) => {
        if (isOneToken) {
          await (await operator.tokens()).revoke(token, {});
          print('revoked, if it was a token of ours');
        } else print(`${await (await operator.clients()).revokeTokens(onlyWord(given, 'name'))} token families ended`);
      });
    },
  },
};
