import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cpSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { FakeClock, startService, temporaryFolder, type TestService, type Tokens } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  const clock = new FakeClock();
  clock.now = Date.now();
  service = await startService({}, { clock });
});
afterAll(() => service.close());

/** The service's clock follows that of the commands, so that a newly issued token is not from the future. */
async function run(words: readonly string[], input = '') {
  const outcome = await mlapi(service.dataDir, words, { input });
  service.clock.now = Date.now();
  return outcome;
}
const publishedKids = async () =>
  ((await service.http.get('/.well-known/jwks.json')).body.keys as { kid: string }[]).map(({ kid }) => kid);

describe('keys and tokens, beside a running service', () => {
  test('a rotated key is published within a second; tokens of a retired key get 401 at once', async () => {
    const { tokens } = await service.newClient();
    const [old = ''] = await publishedKids();

    const kid = (await run(['keys', 'rotate', '--now'])).stdout.trim();

    const deadline = performance.now() + 2_000;
    while (!(await publishedKids()).includes(kid)) expect(performance.now()).toBeLessThan(deadline);
    expect(JSON.parse((await run(['keys', 'export'])).stdout).keys[0]).not.toHaveProperty('d');
    await service.session(tokens.access_token).expect(200);
    expect(await run(['keys', 'retire', old])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('are valid until'),
    });
    expect(await run(['keys', 'retire', old, '--now'])).toEqual({ code: 0, stdout: '', stderr: '' });
    await service.session(tokens.access_token).expect(401);
    expect((await run(['keys', 'list'])).stdout).toMatch(new RegExp(`${old}\tretired.*\n${kid}\tsigning`));
    expect(await run(['keys', 'retire', kid])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is the active signing key'),
    });
    expect((await run(['keys', 'retire', kid, '--now'])).stdout).toMatch(/^[\w-]{43} signs in its place\n$/);
  });

  test('tokens are issued by client, and revoked by client or by the token on standard input', async () => {
    // The command line decides by the real clock when a key is due.
    service.clock.now = Date.now();
    const { name } = await service.newClient();
    const issued = JSON.parse((await run(['tokens', 'issue', name, '--scopes', 'models:read'])).stdout) as Tokens;
    expect(issued.scope).toBe('models:read');
    await service.session(issued.access_token).expect(200);
    expect((await run(['tokens', 'revoke', '--stdin'], `${issued.refresh_token}\n`)).code).toBe(0);
    await service.session(issued.access_token).expect(401);
    expect((await run(['tokens', 'revoke', name])).stdout).toBe('1 token families ended\n');
    expect((await run(['tokens', 'issue', 'nobody'])).code).toBe(1);
  });
});

describe('models', () => {
  test('list, check, add to the store; an existing version is not replaced', async () => {
    const folder = temporaryFolder();
    const variables = { MLAPI_MODELS_DIR: folder };
    const iris = join(projectRoot, 'test/fixtures/iris');
    const models = (...words: string[]) => mlapi(service.dataDir, ['models', ...words], { variables });
    const checked = await models('check', iris);
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\{"model":"iris".*"predictions":/) });
    expect(checked.stderr).toBe(
      'No model.json: predictions are treated as class indices. For a regressor, add one with output.kind = "values".\nrow-wise: proved\n',
    );
    const described = await models('check', join(projectRoot, 'resources/models/nsl-kdd-classifier'));
    expect(described).toMatchObject({ code: 0, stderr: 'row-wise: proved\n' });
    cpSync(iris, join(folder, 'flowers'), { recursive: true });
    expect((await models('list')).stdout).toMatch(/^flowers\t1\t/);
    const added = await models('add', iris);
    expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^iris\t1\t[0-9a-f]{64}\n$/), stderr: '' });
    expect((await models('stored')).stdout).toMatch(/^iris\t1\t\d+ bytes\tstored\n/);
    expect(await models('add', iris)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('versions are immutable'),
    });
    cpSync(join(iris, 'expected.json'), join(folder, 'no-model', 'x.json'));
    expect(await models('check', join(folder, 'no-model'))).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('certificate', () => {
  test('is for its hosts, not a CA, RSA 3072 with SHA-256; a TLS server can serve with it', async () => {
    const out = temporaryFolder();
    expect((await run(['certificate', '--out', out])).code).toBe(0);
    const [cert, key] = ['certificate.pem', 'key.pem'].map((name) => readFileSync(join(out, name), 'utf8'));
    const x509 = new X509Certificate(cert!);
    expect(x509.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(x509.ca).toBe(false);
    expect(x509.checkPrivateKey(createPrivateKey(key!))).toBe(true);
    expect(x509.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3_072);
    expect(x509.toLegacyObject()).toMatchObject({ ext_key_usage: ['1.3.6.1.5.5.7.3.1'] });
    expect(x509.raw.includes(Buffer.from('2a864886f70d01010b', 'hex'))).toBe(true);
    expect(statSync(join(out, 'key.pem')).mode & 0o777).toBe(0o600);

    const server = createServer({ cert, key }, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const heard = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert! });
      socket.once('data', (data: Buffer) => resolve(data.toString())).once('error', reject);
    });
    expect(heard).toBe('hello');
    server.close();

    expect(await run(['certificate', '--out', out])).toMatchObject({ code: 1, stdout: '' });
    expect((await run(['certificate', '--host', 'two words'])).stderr).toContain('--host takes');
    expect((await run(['certificate', '--days', '0'])).stderr).toContain('--days takes');
  });
});

test('migrate on a current database changes nothing', async () => {
  expect(await run(['migrate'])).toEqual({ code: 0, stdout: 'nothing to migrate\n', stderr: '' });
});
