import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../mlapi/configuration.ts';
import { temporaryFolder } from '../support/service.ts';
import { mistakes } from './mistakes.ts';

describe('tokens of other servers', () => {
  const servers = 'https://models.example/triton,http://10.0.0.7:8000,http://127.0.0.1:9000';
  const write = (text: string) => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'tokens'), text, { mode: 0o600 });
    return root;
  };
  const variables = { MLAPI_REMOTE_SERVERS: servers, MLAPI_REMOTE_TOKENS_FILE: 'tokens' };

  test('one server and its token per line: the server is normalized, the token is kept verbatim', () => {
    const root = write('# comment\n\nhttps://MODELS.example:443/triton/ abc.def\r\nhttp://127.0.0.1:9000\txyz=\n');
    expect(readConfig(variables, root).remoteTokens).toEqual([
      { url: 'https://models.example/triton', token: 'abc.def' },
      { url: 'http://127.0.0.1:9000', token: 'xyz=' },
    ]);
    expect(readConfig({}, temporaryFolder()).remoteTokens).toEqual([]);
  });

  test.each([
    ['https://models.example/triton', 'expected a base URL and a token, separated by a space'],
    ['https://models.example/triton two words', 'expected a base URL and a token, separated by a space'],
    ['https://user:pass@models.example/triton secret', 'expected a base URL and a token, separated by a space'],
    ['https://models.example secret', 'its server is not in MLAPI_REMOTE_SERVERS'],
    ['http://10.0.0.7:8000 secret', 'a token may only be sent over https or to this machine'],
    ['http://127.0.0.1:9000/ 1\nhttp://127.0.0.1:9000 secret', 'its server has a token already'],
  ])('%j is refused, and not quoted', (text, what) => {
    const found = mistakes(variables, write(`${text}\n`));
    expect(found).toEqual([`MLAPI_REMOTE_TOKENS_FILE, line ${text.split('\n').length}: ${what}`]);
    expect(found.join()).not.toContain('secret');
  });

  test('a file that cannot be read, or that others can write, is refused', () => {
    expect(mistakes(variables)).toEqual(['MLAPI_REMOTE_TOKENS_FILE names a file that cannot be read']);
    const root = write('');
    chmodSync(join(root, 'tokens'), 0o622);
    expect(mistakes(variables, root)).toEqual(['MLAPI_REMOTE_TOKENS_FILE may be written by other users']);
  });
});
