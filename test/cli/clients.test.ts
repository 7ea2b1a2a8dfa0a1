import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi } from '../support/child.ts';
import { grant } from '../support/oauth.ts';
import { FakeClock, startService, temporaryFolder, type TestService, type Tokens } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  const clock = new FakeClock();
  clock.now = Date.now();
  service = await startService({}, { clock });
});
afterAll(() => service.close());

const run = (words: readonly string[], input?: string | Uint8Array) =>
  mlapi(service.dataDir, words, input === undefined ? {} : { input });

function usersFile(content: string | Uint8Array): string {
  const path = join(temporaryFolder(), 'users.csv');
  writeFileSync(path, content);
  return path;
}

describe('clients, beside a running service', () => {
  test('add prints the generated password once; disable ends the tokens that the service issued', async () => {
    const added = await run(['clients', 'add', 'made', '--scopes', 'models:read']);
    expect(added).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^password: \S{32}\n$/),
    });
    const password = added.stdout.slice('password: '.length).trim();
    const tokens = (await service.reset('made', password).expect(200)).body as Tokens;
    expect(tokens.scope).toBe('models:read');
    await service.session(tokens.access_token).expect(200);

    expect(await run(['clients', 'disable', 'made'])).toEqual({ code: 0, stdout: '', stderr: '' });

    await service.session(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).expect(401);
    const { stdout } = await run(['clients', 'list']);
    expect(stdout).toContain('made\tdisabled\tmodels:read\n');
    expect(stdout).not.toContain(password);
    expect((await run(['clients', 'enable', 'made'])).code).toBe(0);
    await service.session(tokens.access_token).expect(401);
  });

  test('a password from standard input is used and not printed; reset-password ends the tokens', async () => {
    const added = await run(['clients', 'add', 'given', '--stdin'], 'päss wörd\n');
    expect(added).toEqual({ code: 0, stdout: '', stderr: '' });
    const tokens = (await service.reset('given', 'päss wörd').expect(200)).body as Tokens;
    const { stdout } = await run(['clients', 'reset-password', 'given']);
    await service.session(tokens.access_token).expect(401);
    await service.reset('given', stdout.slice('password: '.length).trim()).expect(200);
  });

  test('--reusable prints a secret once; rotate-secret prints when the old one ends, or ends it and all tokens', async () => {
    const added = await run(['clients', 'add', 'cron', '--reusable', '--scopes', 'models:read']);
    expect(added).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^secret: mlapi_[\w-]{43}\n$/) });
    const first = added.stdout.slice('secret: '.length).trim();
    const { body } = await grant(service, 'cron', first).expect(200);
    expect((await run(['clients', 'list'])).stdout).toContain('cron\treusable\tmodels:read\n');

    const rotated = await run(['clients', 'rotate-secret', 'cron', '--overlap', '1']);
    const [, second = '', end = ''] =
      /^secret: (mlapi_[\w-]{43})\nthe old secret ends at (\S+)\n$/.exec(rotated.stdout) ?? [];
    const untilEndMs = Date.parse(end) - Date.now();
    expect(untilEndMs > 3_400_000 && untilEndMs <= 3_600_000).toBe(true);
    expect((await run(['clients', 'list'])).stdout).toContain(`cron\treusable, old secret until ${end}\tmodels:read\n`);
    for (const secret of [first, second]) await grant(service, 'cron', secret).expect(200);

    const { stdout } = await run(['clients', 'rotate-secret', 'cron', '--overlap', '0']);
    expect(stdout).toMatch(/^secret: \S+\nthe old secret has expired and all tokens of this client are revoked\n$/);
    await service.session((body as Tokens).access_token).expect(401);
    for (const secret of [first, second]) await grant(service, 'cron', secret).expect(401);

    const issued = JSON.parse((await run(['tokens', 'issue', 'cron'])).stdout) as Tokens;
    expect(issued.refresh_token).toBeUndefined();
    service.clock.now = Date.now();
    await service.session(issued.access_token).expect(200);
    await run(['clients', 'disable', 'cron']);
    await service.session(issued.access_token).expect(401);
    expect((await run(['clients', 'list'])).stdout).toContain('cron\treusable, disabled\tmodels:read\n');
    expect((await run(['tokens', 'issue', 'cron'])).stderr).toContain('is disabled');
  });

  test.each([
    [['clients', 'add', 'x', '--reusable', '--stdin'], 'the secret of a reusable client is always generated'],
    [
      ['clients', 'rotate-secret', 'nobody'],
      'there is no client "nobody": list clients with "clients list", add one with "clients add NAME"',
    ],
    [
      ['tokens', 'issue', 'nobody'],
      'there is no client "nobody": list clients with "clients list", add one with "clients add NAME"',
    ],
    [['clients', 'rotate-secret', 'x', '--overlap', '1.5'], '--overlap takes whole hours, 0 to 8760'],
    [['clients', 'rotate-secret', 'x', '--overlap', '8761'], '--overlap takes whole hours, 0 to 8760'],
    [['clients', 'add'], 'expected one name'],
    [['clients', 'add', 'a', 'password'], 'expected one name'],
    [['clients', 'add', 'no name'], 'a client name has'],
    [['clients', 'add', 'x', '--scopes', 'all'], 'valid scopes:'],
    [['clients', 'add', 'x', '--password', 'p'], 'usage: clients add'],
    [['clients', 'add', 'x', '--stdin'], 'a password must have 1 to 1024 bytes'],
    [['clients', 'add', 'x', '--prompt'], 'no terminal: use --stdin'],
    [['clients', 'add', 'x', '--stdin', '--prompt'], 'exclude each other'],
    [['clients', 'disable', 'nobody'], 'there is no client'],
    [['clients', 'import', '/nowhere.csv'], 'ENOENT'],
    [[], 'mlapi: npm run mlapi -- COMMAND\n  clients add'],
    [['clients'], 'unknown command; the commands are:\nnpm run mlapi -- COMMAND\n  clients add'],
  ])('%j is refused: exit 1, a message, no stack', async (words, message) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe('clients import', () => {
  test('reads a BOM, CRLF and quotes; the imported clients can log in', async () => {
    const path = usersFile('\ufeffone,plain\r\n"two","with ""quotes"", commas"\r\n');
    expect(await run(['clients', 'import', path])).toEqual({
      code: 0,
      stdout: '2 clients imported\n',
      stderr: '',
    });
    await service.reset('one', 'plain').expect(200);
    await service.reset('two', 'with "quotes", commas').expect(200);
  });

  const salt = 'c2FsdHNhbHRzYWx0c2FsdA';
  const hash = `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${'A'.repeat(43)}`;
  test.each([
    ['a NUL', 'good,CANARY\nbad,CAN\0ARY\n', 'NUL'],
    ['no UTF-8', Buffer.from('good,CANARY\nbad,\xff\n', 'latin1'), 'UTF-8'],
    ['a twin', 'good,CANARY\nx,CANARY\ngood,CANARY\n', 'line 3:'],
    ['no password', 'good,CANARY\nbad,\n', 'line 2:'],
    ['three columns, and an empty line', 'good,CANARY\n\nbad,CANARY,CANARY\n', /line 2:.*\n.*line 3:/],
    ['an open quote', 'good,CANARY\nbad,CAN"ARY\n', /quote.*line 2/],
    ['a truncated hash', `good,CANARY\nbad,${hash.slice(0, -5)}\n`, 'line 2:'],
    ['a weak hash', `good,CANARY\nbad,"${hash.replace('19456', '1024')}"\n`, 'line 2:'],
    ['a costlier hash', `good,CANARY\nbad,"${hash.replace('t=2', 't=9')}"\n`, 'line 2:'],
    ['a hash spelt otherwise', `good,CANARY\nbad,"${hash.replace('AAAA', 'AAA+').slice(0, -1)}B"\n`, 'line 2:'],
    ['leading zeros', `good,CANARY\nbad,"${hash.replace('m=19456', 'm=0019456')}"\n`, 'line 2:'],
    ['bcrypt', 'good,CANARY\nbad,$2b$10$abcdefghijklmnopqrstuv\n', 'line 2:'],
    ['argon2i', `good,CANARY\nbad,"${hash.replace('argon2id', 'argon2i')}"\n`, 'line 2:'],
    ['a header', 'login,password\ngood,CANARY\n', 'line 1: this is a header'],
    ['nothing', '', 'no line'],
  ])('%s: the whole file is refused, with the line numbers and no password', async (_what, content, message) => {
    const { code, stdout, stderr } = await run(['clients', 'import', usersFile(content)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/CAN|argon2id\$/);
    expect((await service.services.clients.list()).map(({ name }) => name)).not.toContain('good');
  });
});

describe('clients hash', () => {
  test('hashes in place, readable by the owner only, and is idempotent; the imported clients can log in', async () => {
    const path = usersFile('hashed,secret one\n"hashed2","secret, two"\n');
    expect(await run(['clients', 'hash', path])).toEqual({
      code: 0,
      stdout: '2 passwords hashed\n',
      stderr: '',
    });
    const once = readFileSync(path, 'utf8');
    expect(once).not.toContain('secret');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['users.csv']);
    await run(['clients', 'hash', path]);
    expect(readFileSync(path, 'utf8')).toBe(once);
    expect((await run(['clients', 'import', path])).code).toBe(0);
    await service.reset('hashed2', 'secret, two').expect(200);
  });

  test('a hash of another scheme is refused, and the file is not changed', async () => {
    const content = 'a,password\nb,$2b$10$abcdefghijklmnopqrstuv\n';
    const path = usersFile(content);
    expect(await run(['clients', 'hash', path])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('line 2'),
    });
    expect(readFileSync(path, 'utf8')).toBe(content);
  });
});

test('an option swallowed by npm because "--" is missing is refused, and nothing changes', async () => {
  const variables = { npm_config_scopes: 'models:read' };
  const { code, stderr } = await mlapi(temporaryFolder(), ['clients', 'add', 'swallowed'], { variables });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'mlapi: npm consumed --scopes: write "npm run mlapi -- clients add ..."\n',
  });
});
