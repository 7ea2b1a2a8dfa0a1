import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mlapi, type Outcome } from '../../support/child.ts';
import { writeModelFolders } from '../../support/model-folders.ts';
import { echoContract, OipServer } from '../../support/oip-server.ts';
import { temporaryFolder } from '../../support/service.ts';

const token = 'a-token.of~the/operator+1=';
const tls = join(temporaryFolder(), 'tls');
const certificate = join(tls, 'certificate.pem');
const unproved = 'row-wise: unproved, it runs on another server, so its graph cannot be read\n';
let server: OipServer;
let tokens: string;
beforeAll(async () => {
  await mlapi(temporaryFolder(), ['certificate', '--host', '127.0.0.1', '--out', tls]);
  server = await new OipServer({ cert: readFileSync(certificate), key: readFileSync(join(tls, 'key.pem')) }).listen();
  tokens = join(temporaryFolder(), 'tokens');
  writeFileSync(tokens, `# one a line\n${server.url}/ ${token}\n`, { mode: 0o600 });
});
afterAll(() => server.close());

/** In a process that trusts these authorities, loads the model of the folder, which predicts its sample on the server. */
function check(variables: Readonly<Record<string, string>>): Promise<Outcome> {
  server.received.length = 0;
  const folder = join(writeModelFolders({ echo: { contract: echoContract(server.url) } }), 'echo');
  return mlapi(temporaryFolder(), ['models', 'check', folder], {
    variables: { MLAPI_REMOTE_SERVERS: server.url, ...variables },
  });
}

test('a server behind TLS gets its configured token with every request', async () => {
  const { code, stdout, stderr } = await check({
    NODE_EXTRA_CA_CERTS: certificate,
    MLAPI_REMOTE_TOKENS_FILE: tokens,
  });

  expect({ code, stderr }).toEqual({ code: 0, stderr: unproved });
  expect(JSON.parse(stdout)).toMatchObject({ model: 'echo' });
  expect(server.inferences.length).toBeGreaterThan(0);
  for (const { headers } of server.received) expect(headers.authorization).toBe(`Bearer ${token}`);
});

test('a server without a configured token gets none', async () => {
  expect(await check({ NODE_EXTRA_CA_CERTS: certificate })).toMatchObject({ code: 0 });

  expect(server.inferences.length).toBeGreaterThan(0);
  for (const { headers } of server.received) expect(headers.authorization).toBeUndefined();
});

test('a certificate of an unknown authority: nothing is sent, and the token is not shown', async () => {
  const { code, stdout, stderr } = await check({ MLAPI_REMOTE_TOKENS_FILE: tokens });

  expect(code).toBe(1);
  expect(stderr).toContain('SELF_SIGNED');
  expect(stdout + stderr).not.toContain(token);
  expect(server.received).toEqual([]);
});
