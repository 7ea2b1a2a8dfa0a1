import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openSigningKey, startForger } from '../support/forge.ts';
import { grant } from '../support/oauth.ts';
import { startService, type TestService, type Tokens } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

interface Row {
  event: string;
  address: string | null;
  request_id: string | null;
  detail: string | null;
}

async function rowsOf(of: TestService, name: string, event: string): Promise<Row[]> {
  return (await auditOf(name, of)).filter((row) => row.event === event);
}

async function auditOf(name: string, { services } = service): Promise<Row[]> {
  const { id } = await services.clients.get(name);
  return services.database
    .selectFrom('audit_events')
    .select(['event', 'address', 'request_id', 'detail'])
    .where('client_id', '=', id)
    .orderBy('id')
    .execute();
}

describe('audit rows', () => {
  test('one per grant, rotation and revocation of a reusable client, with address and request id', async () => {
    const { clients } = service.services;
    await clients.addReusable('recorded');
    const { secret } = await clients.rotateSecret('recorded');
    const { body } = await grant(service, 'recorded', secret).set('X-Request-Id', 'request-of-a-grant').expect(200);
    await grant(service, 'recorded', 'wrong').expect(401);
    const { access_token: token } = body as Tokens;
    await service.http.post('/auth/revoke').type('form').send({ token, client_id: 'recorded' }).expect(200);

    const rows = await auditOf('recorded');
    expect(rows.map(({ event }) => event)).toEqual([
      'client_added',
      'client_secret_rotated',
      'token_granted',
      'revocation',
    ]);
    expect(rows[0]?.detail).toBe('reusable');
    expect(rows[2]).toMatchObject({ address: '127.0.0.1', request_id: 'request-of-a-grant' });
  });

  test('one per reset, refresh, replay, revocation and refused scope, with address and request id', async () => {
    const { name, tokens } = await service.newClient();
    const { body } = await service.refresh(tokens.refresh_token).set('X-Request-Id', 'request-of-a-test').expect(200);
    await service.refresh(tokens.refresh_token).expect(401);
    await service.refresh((body as Tokens).refresh_token).expect(401);
    const renewed = await service.services.clients.resetPassword(name);
    const { body: again } = await service.reset(name, renewed).expect(200);
    await service.http
      .post('/auth/revoke')
      .type('form')
      .send({ token: (again as Tokens).access_token })
      .expect(200);
    await service.http
      .post('/auth/revoke')
      .type('form')
      .send({ token: (again as Tokens).access_token })
      .expect(200);

    const rows = await auditOf(name);
    expect(rows.map(({ event }) => event)).toEqual([
      'client_added',
      'reset',
      'refresh',
      'refresh_replay',
      'client_password_changed',
      'reset',
      'revocation',
    ]);
    expect(rows[2]).toMatchObject({ address: '127.0.0.1', request_id: 'request-of-a-test' });
    expect(rows[3]?.detail).toBe('generation 0 of 1');
  });

  test('a refused scope', async () => {
    const forger = await startForger(service);
    const token = forger.withClaims({ scope: 'models:read' });
    await service.http
      .post('/api/ml')
      .set('Authorization', `Bearer ${token}`)
      .send([[1]])
      .expect(403);
    const rows = await auditOf(forger.clientName);
    expect(rows.at(-1)).toMatchObject({
      event: 'scope_refused',
      detail: 'models:predict',
      address: '127.0.0.1',
    });
  });

  test('one a minute per missing scope of a client, however often it asks', async () => {
    const { name, tokens } = await service.newClient();
    const narrowed = (token: string, scope: string) => service.services.tokens.refresh(token, { scope }, {});
    const reading = await narrowed(tokens.refresh_token, 'models:read');
    const predicting = await narrowed(reading.refresh_token, 'models:predict');
    const send = (method: 'get' | 'post', path: string, token: string) =>
      service.http[method](path).auth(token, { type: 'bearer' }).expect(403);

    for (let time = 0; time < 3; time += 1) await send('post', '/api/ml', reading.access_token);
    await send('get', '/api/models', predicting.access_token);
    expect((await rowsOf(service, name, 'scope_refused')).map(({ detail }) => detail)).toEqual([
      'models:predict',
      'models:read',
    ]);
    service.clock.advanceSeconds(60);
    for (let time = 0; time < 2; time += 1) await send('post', '/api/ml', reading.access_token);
    expect(await rowsOf(service, name, 'scope_refused')).toHaveLength(3);
  });

  test('one a minute for a client over its limit, however often it is refused', async () => {
    const busy = await startService({ MLAPI_RATE_LIMIT_PER_MINUTE: '2' });
    const { name, tokens } = await busy.newClient();
    const ask = () => busy.http.get('/api/models').auth(tokens.access_token, { type: 'bearer' });
    const rows = () => rowsOf(busy, name, 'rate_limited');

    for (const status of [200, 200, 429]) expect((await ask()).status).toBe(status);
    expect(await rows()).toMatchObject([{ address: '127.0.0.1', detail: '2 a minute' }]);
    for (const status of [429, 429, 429]) expect((await ask()).status).toBe(status);
    expect(await rows()).toHaveLength(1);
    busy.clock.advanceSeconds(60);
    for (const status of [200, 200, 429, 429]) expect((await ask()).status).toBe(status);
    expect(await rows()).toHaveLength(2);
    await busy.close();
  });

  test('one a minute per client that asks for models beyond its scopes', async () => {
    const scopes = ['models:read:mine-*'];
    const [first, second] = [await service.newClient(undefined, scopes), await service.newClient(undefined, scopes)];
    const ask = (model: string, { tokens } = first) =>
      service.http.get(`/api/models/${model}`).auth(tokens.access_token, { type: 'bearer' }).expect(404);

    await ask('mine-too');
    expect(await rowsOf(service, first.name, 'model_hidden')).toEqual([]);
    await ask('nsl-kdd-classifier').set('X-Request-Id', 'request-of-a-probe');
    for (const model of ['nobody', 'nsl-kdd-anomaly', 'nobody']) await ask(model);
    await ask('nobody', second);

    expect(await rowsOf(service, first.name, 'model_hidden')).toMatchObject([
      { address: '127.0.0.1', request_id: 'request-of-a-probe', detail: 'models:read:nsl-kdd-classifier' },
    ]);
    expect(await rowsOf(service, second.name, 'model_hidden')).toHaveLength(1);
  });

  test('500 once if the row cannot be written, then 429: later refusals do not wait for the database again', async () => {
    const busy = await startService({ MLAPI_RATE_LIMIT_PER_MINUTE: '1' });
    const { tokens } = await busy.newClient();
    const ask = () => busy.http.get('/api/models').auth(tokens.access_token, { type: 'bearer' });
    await ask().expect(200);
    await busy.services.database.schema.dropTable('audit_events').execute();

    const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status);

    expect(statuses).toEqual([500, 429, 429]);
    await busy.close();
  });

  test('a refused request leaves no row and changes nothing', async () => {
    const { name, password, tokens } = await service.newClient();
    const before = await auditOf(name);
    await service.reset(name, password).expect(401);
    await service.reset(name, 'wrong').expect(401);
    await service.session(`${tokens.access_token}x`).expect(401);
    await service.refresh(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).send({ scope: 'admin' }).expect(400);
    expect(await auditOf(name)).toEqual(before);
    await service.refresh(tokens.refresh_token).expect(200);
  });

  test('a storage fault between any two steps leaves no partial change', async () => {
    const { name, tokens } = await service.newClient();
    const { database } = service.services;
    const state = async () =>
      JSON.stringify([await database.selectFrom('token_families').selectAll().execute(), await auditOf(name)]);
    const before = await state();
    await database.schema.alterTable('audit_events').renameTo('audit_events_away').execute();
    await service.refresh(tokens.refresh_token).expect(500);
    const password = await database
      .selectFrom('clients')
      .select('password_spent_at')
      .where('name', '=', name)
      .executeTakeFirst();
    await database.schema.alterTable('audit_events_away').renameTo('audit_events').execute();
    expect(await state()).toBe(before);
    expect(password?.password_spent_at).not.toBeNull();
    await service.refresh(tokens.refresh_token).expect(200);
  });
});

/** Every byte of the database files, or a dump from PostgreSQL. */
function readStored({ dataDir, services: { config } }: TestService): string[] {
  if (config.databaseUrl !== undefined)
    return [execFileSync('pg_dump', ['-d', config.databaseUrl], { encoding: 'latin1' })];
  return readdirSync(dataDir).map((name) => readFileSync(join(dataDir, name), 'latin1'));
}

test('the database holds no token, password or private key in clear text', async () => {
  const { password, tokens } = await service.newClient();
  const { body } = await service.refresh(tokens.refresh_token).expect(200);
  const { privateKey } = await openSigningKey(service);
  const reusable = await service.services.clients.addReusable('stored-reusable');
  const { secret: rotated } = await service.services.clients.rotateSecret('stored-reusable');
  const { body: granted } = await grant(service, 'stored-reusable', rotated).expect(200);
  const secrets = [
    password,
    reusable,
    rotated,
    (granted as Tokens).access_token.split('.')[2] ?? '',
    ...[tokens, body as Tokens]
      .flatMap(({ access_token, refresh_token }) => [access_token, refresh_token])
      .map((token) => token.split('.')[2] ?? ''),
    privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(40, 80).toString('latin1'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().split('\n')[3] ?? '',
    'a passphrase for tests only',
  ];
  const files = readStored(service);
  expect(files.join('')).toContain('refresh_jti');
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(20);
    for (const file of files) expect(file.includes(secret)).toBe(false);
  }
});
