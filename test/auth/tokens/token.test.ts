import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { decodeToken } from '../../support/forge.ts';
import { askToken, basic, grant } from '../../support/oauth.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';

const form = 'application/x-www-form-urlencoded';
const challenge = 'Basic realm="mlapi", charset="UTF-8"';
const onSqlite = { MLAPI_DATABASE_URL: '' };
let service: TestService;
let secret: string;
beforeAll(async () => {
  service = await startService();
  secret = await service.services.clients.addReusable('cron');
});
afterAll(() => service.close());

describe('POST /auth/token, grant_type=client_credentials', () => {
  test('200: returns an access token and no refresh token; not cacheable', async () => {
    const { body, headers } = await grant(service, 'cron', secret).expect(200);

    const token = body.access_token as string;
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'models:predict models:read',
    });
    expect([headers['cache-control'], headers.pragma]).toEqual(['no-store', 'no-cache']);
    expect(decodeToken(token).claims).toMatchObject({ sub: 'cron', client_id: 'cron' });
    const { body: session } = await service.session(token).expect(200);
    expect(session).toMatchObject({ client: 'cron', scopes: ['models:predict', 'models:read'] });
  });

  test('200: the secret works repeatedly, in the header form-urlencoded or raw', async () => {
    const plain = `Basic ${Buffer.from(`cron:${secret}`).toString('base64')}`;
    const escaped = `Basic ${Buffer.from(`%63ron:${secret.replace('_', '%5F')}`).toString('base64')}`;
    for (const header of [basic('cron', secret), plain, escaped, plain.replace('Basic', 'bAsIc')])
      await askToken(service, 'grant_type=client_credentials&client_id=cron').set('Authorization', header).expect(200);
  });

  test('200: unknown and empty parameters are ignored', async () => {
    const fields = { grant_type: 'client_credentials', scope: '', refresh_token: '', audience: 'x', resource: 'y' };
    await askToken(service, { ...fields, client_id: '', client_secret: '' })
      .set('Authorization', basic('cron', secret))
      .expect(200);
    await askToken(service, { ...fields, client_id: 'cron', client_secret: secret }).expect(200);
  });

  test('scope: a subset is granted; a scope beyond the client’s is 400 invalid_scope and starts no family', async () => {
    const { body } = await grant(service, 'cron', secret, 'models:read').expect(200);
    expect(body.scope).toBe('models:read');
    const families = () => service.services.database.selectFrom('token_families').select('id').execute();
    const before = await families();
    for (const scope of ['nothing:read', 'models:read nothing:read', 'x', ' ']) {
      const { body: refused } = await grant(service, 'cron', secret, scope).expect(400);
      expect(refused.error).toBe('invalid_scope');
    }
    expect(await families()).toEqual(before);
  });

  test('a token ends at its expiry or when it is revoked, and no other token with it', async () => {
    const [first, second] = [await grant(service, 'cron', secret), await grant(service, 'cron', secret)];
    const { access_token: revoked } = first.body as Tokens;
    const { access_token: kept } = second.body as Tokens;
    await service.http.post('/auth/revoke').type('form').send({ token: revoked }).expect(200);
    await service.session(revoked).expect(401);
    await service.session(kept).expect(200);
    service.clock.advanceSeconds(901);
    await service.session(kept).expect(401);
  });

  test('disable ends its tokens and refuses the secret at once; enable accepts the secret, but no old token', async () => {
    const { clients } = service.services;
    const own = await clients.addReusable('paused');
    const { body } = await grant(service, 'paused', own).expect(200);
    await clients.disable('paused');
    await service.session(body.access_token as string).expect(401);
    await grant(service, 'paused', own).expect(401);
    await clients.enable('paused');
    await service.session(body.access_token as string).expect(401);
    await grant(service, 'paused', own).expect(200);
  });

  test('401 invalid_client with a challenge: client missing, secret missing, secret wrong', async () => {
    const clientless = 'grant_type=client_credentials';
    const answers = [
      await askToken(service, clientless).expect(401),
      await askToken(service, `${clientless}&client_id=cron`).expect(401),
      await askToken(service, clientless).set('Authorization', `Bearer ${secret}`).expect(401),
      await askToken(service, clientless)
        .set('Authorization', basic('cron', `${secret}x`))
        .expect(401),
      await askToken(service, clientless).set('Authorization', basic('cron', '')).expect(401),
      await grant(service, 'cron', 'wrong').expect(401),
    ];
    for (const { body, headers } of answers) {
      expect(body).toEqual({ error: 'invalid_client', error_description: expect.any(String) });
      expect(headers['www-authenticate']).toBe(challenge);
    }
  });

  test('401, then 429: wrong secrets are counted per name, and the right secret is not locked out', async () => {
    const guarded = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '3' });
    const own = await guarded.services.clients.addReusable('cron');
    const from = (address: string, name: string, given: string) =>
      grant(guarded, name, given).set('X-Forwarded-For', address);
    for (const name of ['cron', 'nobody']) {
      for (let guess = 0; guess < 30; guess += 1) await from(`198.51.100.${guess}`, name, 'wrong').expect(401);
      const { headers } = await from('203.0.113.9', name, 'wrong').expect(429);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    await from('203.0.113.10', 'cron', own).expect(200);
    for (let time = 0; time < 3; time += 1) await from('203.0.113.11', 'cron', own).expect(200);
    await from('203.0.113.11', 'cron', own).expect(429);
    await guarded.close();
  });
});

describe('POST /auth/token, grant_type=refresh_token', () => {
  const refresh = (token: string, more: Readonly<Record<string, string>> = {}) =>
    askToken(service, { grant_type: 'refresh_token', refresh_token: token, ...more });

  test('200: returns both tokens, with or without client_id; a narrower scope applies to this access token only', async () => {
    const { name, tokens } = await service.newClient();
    const { body: second } = await refresh(tokens.refresh_token).expect(200);
    const { body: third } = await refresh(second.refresh_token as string, { client_id: name, scope: 'models:read' });
    expect(third.scope).toBe('models:read');
    const { body: fourth } = await refresh(third.refresh_token as string).expect(200);
    expect(fourth).toMatchObject({ scope: 'models:predict models:read', expires_in: 900, refresh_expires_in: 86_400 });
    await service.session(fourth.access_token as string).expect(200);
  });

  test('400 invalid_grant: a replay ends the family; /auth/refresh answers 401 for the same', async () => {
    for (const again of ['token', 'refresh'] as const) {
      const { tokens } = await service.newClient();
      const { body: second } = await refresh(tokens.refresh_token).expect(200);
      if (again === 'token') {
        const { body, headers } = await refresh(tokens.refresh_token).expect(400);
        expect(body.error).toBe('invalid_grant');
        expect(headers['www-authenticate']).toBeUndefined();
      } else await service.refresh(tokens.refresh_token).expect(401);
      await service.session(second.access_token as string).expect(401);
      await refresh(second.refresh_token as string).expect(400);
    }
  });

  test('400 invalid_grant, nothing spent: another client’s token, an access token, an unknown token', async () => {
    const { tokens } = await service.newClient();
    const other = await service.newClient();
    for (const [token, more] of [
      [tokens.refresh_token, { client_id: other.name }],
      [tokens.refresh_token, { client_id: 'nobody' }],
      [tokens.access_token, {}],
      ['x', {}],
      [`${tokens.refresh_token}x`, {}],
    ] as const) {
      const { body } = await refresh(token, more).expect(400);
      expect(body.error).toBe('invalid_grant');
    }
    await refresh(tokens.refresh_token).expect(200);
  });

  test('400 invalid_scope: a wider scope does not spend the token', async () => {
    const { tokens } = await service.newClient();
    const { body } = await refresh(tokens.refresh_token, { scope: 'models:read nothing:read' }).expect(400);
    expect(body.error).toBe('invalid_scope');
    await refresh(tokens.refresh_token).expect(200);
  });

  test('400 unauthorized_client: a reusable client has no refresh tokens; 401: a wrong secret', async () => {
    const { tokens } = await service.newClient();
    const { body } = await refresh(tokens.refresh_token, { client_id: 'cron', client_secret: secret }).expect(400);
    expect(body.error).toBe('unauthorized_client');
    const { name, password } = await service.newClient();
    const { body: refused } = await refresh(tokens.refresh_token).set('Authorization', basic(name, password));
    expect(refused.error).toBe('invalid_client');
    await refresh(tokens.refresh_token).expect(200);
  });
});

describe('POST /auth/token', () => {
  test.each([
    ['', 'invalid_request'],
    ['grant_type=', 'invalid_request'],
    ['scope=models:read', 'invalid_request'],
    ['grant_type=refresh_token', 'invalid_request'],
    ['grant_type=refresh_token&refresh_token=', 'invalid_request'],
    ['grant_type=client_credentials&client_secret=x', 'invalid_request'],
    ['grant_type=client_credentials&client_id=a&client_id=a', 'invalid_request'],
    ['grant_type=client_credentials&unknown=a&unknown=a', 'invalid_request'],
    ['grant_type=client_credentials&scope=%ff', 'invalid_request'],
    [`grant_type=client_credentials&client_id=${'a'.repeat(257)}`, 'invalid_request'],
    ['grant_type=password&username=a&password=b', 'unsupported_grant_type'],
    ['grant_type=Client_Credentials', 'unsupported_grant_type'],
    ['grant_type=constructor', 'unsupported_grant_type'],
  ])('400: %s', async (body, error) => {
    const answer = await askToken(service, body).expect(400);
    expect(answer.body).toEqual({ error, error_description: expect.any(String) });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test.each([
    ['a header and a secret in the body', () => basic('cron', secret), { client_secret: 'x', client_id: 'cron' }],
    ['two names', () => basic('cron', secret), { client_id: 'crom' }],
    ['a header without credentials', () => 'Basic', {}],
    ['a header that is not base64', () => 'Basic !!!!', {}],
    ['a header without a colon', () => `Basic ${Buffer.from('cron').toString('base64')}`, {}],
    ['a header without a name', () => `Basic ${Buffer.from(`:${secret}`).toString('base64')}`, {}],
    ['a header with a broken escape', () => `Basic ${Buffer.from('cron:%zz').toString('base64')}`, {}],
    ['a header with a long name', () => basic('a'.repeat(257), 'x'), {}],
  ])('400 invalid_request: %s', async (_what, header, fields) => {
    const { body } = await askToken(service, { grant_type: 'client_credentials', ...fields })
      .set('Authorization', header())
      .expect(400);
    expect(body.error).toBe('invalid_request');
  });

  test('405: GET; 413: over 16 KiB; 415: JSON, multipart, or no media type', async () => {
    const { headers } = await service.http.get('/auth/token').expect(405);
    expect(headers.allow).toBe('POST, OPTIONS');
    await askToken(service, `grant_type=client_credentials&x=${'a'.repeat(20_000)}`).expect(413);
    await service.http.post('/auth/token').send({ grant_type: 'client_credentials' }).expect(415);
    await service.http.post('/auth/token').field('grant_type', 'client_credentials').expect(415);
    const { status, headers: accepts } = await service.http
      .post('/auth/token')
      .set('Content-Type', 'text/plain')
      .send('a');
    expect([status, accepts.accept]).toEqual([415, form]);
  });

  test('503 with Retry-After while another process locks the database', async () => {
    const busy = await startService(onSqlite);
    const own = await busy.services.clients.addReusable('cron');
    const blocker = new Libsql(join(busy.dataDir, 'mlapi.db'));
    blocker.exec('begin immediate');
    const { headers, body } = await grant(busy, 'cron', own).expect(503);
    expect([headers['retry-after'], body.error]).toEqual(['1', 'temporarily_unavailable']);
    blocker.exec('rollback');
    blocker.close();
    await grant(busy, 'cron', own).expect(200);
    await busy.close();
  });

  test('500: no token is issued if the grant cannot be recorded', async () => {
    const broken = await startService();
    const own = await broken.services.clients.addReusable('cron');
    await broken.services.database.schema.alterTable('audit_events').renameTo('gone').execute();
    const { status, body } = await grant(broken, 'cron', own);
    expect([status, body.access_token]).toEqual([500, undefined]);
    expect(await broken.services.database.selectFrom('token_families').select('id').execute()).toEqual([]);
    await broken.close();
  });
});

describe('rotate-secret', () => {
  test('with an overlap, both secrets work; tokens of the old secret end with it', async () => {
    const { clients } = service.services;
    const old = await clients.addReusable('rotated');
    const { secret: fresh, previousEndsAt } = await clients.rotateSecret('rotated', { overlapSeconds: 600 });
    expect(previousEndsAt).toBe(Math.floor(service.clock.now / 1_000) * 1_000 + 600_000);
    const { body: byNew } = await grant(service, 'rotated', fresh).expect(200);
    const { body: byOld } = await grant(service, 'rotated', old).expect(200);
    expect([byNew.expires_in, byOld.expires_in]).toEqual([900, 600]);
    service.clock.advanceSeconds(600);
    await service.session(byOld.access_token as string).expect(401);
    await service.session(byNew.access_token as string).expect(200);
    await grant(service, 'rotated', old).expect(401);
    await grant(service, 'rotated', fresh).expect(200);
  });

  test('without an overlap, the old secret and all tokens end at once', async () => {
    const { clients } = service.services;
    const old = await clients.addReusable('leaked');
    const { body } = await grant(service, 'leaked', old).expect(200);
    const { secret: fresh, previousEndsAt } = await clients.rotateSecret('leaked', { overlapSeconds: 0 });
    expect(previousEndsAt).toBeNull();
    await service.session(body.access_token as string).expect(401);
    await grant(service, 'leaked', old).expect(401);
    await grant(service, 'leaked', fresh).expect(200);
  });

  test('a second rotation within an overlap ends the oldest secret at once', async () => {
    const { clients } = service.services;
    const first = await clients.addReusable('twice');
    const { secret: second } = await clients.rotateSecret('twice');
    const { secret: third } = await clients.rotateSecret('twice');
    await grant(service, 'twice', first).expect(401);
    await grant(service, 'twice', second).expect(200);
    await grant(service, 'twice', third).expect(200);
  });

  test('a one-time client has no secret to rotate, a reusable one no password to reset', async () => {
    const { clients } = service.services;
    const { name } = await service.newClient();
    await expect(clients.rotateSecret(name)).rejects.toThrow('has a one-time password: use clients reset-password');
    await expect(clients.resetPassword('cron')).rejects.toThrow('is reusable: use clients rotate-secret');
  });
});
