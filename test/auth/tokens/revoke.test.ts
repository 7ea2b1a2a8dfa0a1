import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import { startForger } from '../../support/forge.ts';
import { basic, grant } from '../../support/oauth.ts';
import { startService, temporaryFolder, type TestService, type Tokens } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

function revoke(token: string, hint?: string) {
  return service.http
    .post('/auth/revoke')
    .type('form')
    .send({ token, ...(hint !== undefined && { token_type_hint: hint }) });
}

describe('POST /auth/revoke', () => {
  const kinds = ['access_token', 'refresh_token'] as const;
  test.each(kinds)(
    '200: revoking the %s ends its whole family at once, whatever the hint; a second call is 200 too',
    async (kind) => {
      for (const hint of [undefined, 'access_token', 'refresh_token', 'garbage', '']) {
        const { tokens } = await service.newClient();
        const { text } = await revoke(tokens[kind], hint).expect(200);
        expect(text).toBe('');
        await service.session(tokens.access_token).expect(401);
        await service.refresh(tokens.refresh_token).expect(401);
        await revoke(tokens[kind], hint).expect(200);
      }
    },
  );

  test('200: revoking a spent ancestor ends the family', async () => {
    const { tokens } = await service.newClient();
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    await revoke(tokens.refresh_token).expect(200);
    await service.refresh((body as Tokens).refresh_token).expect(401);
  });

  test('200: an unknown token changes nothing; other clients’ families live on', async () => {
    const { tokens } = await service.newClient();
    const forger = await startForger(service);
    const [header, payload] = tokens.access_token.split('.');
    const stranger = await startService({}, { dataDir: temporaryFolder() });
    const foreign = await stranger.newClient();
    await stranger.close();
    for (const token of [
      'x',
      `${header}.${payload}.x`,
      foreign.tokens.refresh_token,
      forger.withClaims({ exp: 1 }),
      forger.withClaims({ fid: 'x' }),
    ]) {
      await revoke(token).expect(200);
    }
    await service.session(tokens.access_token).expect(200);
    await service.session(forger.tokens.access_token).expect(200);
  });

  test('400: no token, or several; 415: wrong media type; 405: GET', async () => {
    for (const form of ['', 'token=', 'token=a&token=b', 'other=1', 'token=a&other=1&other=2']) {
      const { body } = await service.http.post('/auth/revoke').type('form').send(form).expect(400);
      expect(body.error).toBe('invalid_request');
    }
    await service.http.post('/auth/revoke').type('text/plain').send('token=a').expect(415);
    await service.http.get('/auth/revoke').expect(405);
  });

  test('200: the client may be named, and unknown parameters that libraries send are ignored', async () => {
    const { name, tokens } = await service.newClient();
    const fields = { token: tokens.access_token, client_id: name, client_secret: '', audience: 'x', resource: 'y' };
    await service.http.post('/auth/revoke').type('form').send(fields).expect(200);
    await service.session(tokens.access_token).expect(401);
  });

  test('200: a reusable client revokes its token with its secret in the body, in the header, or without it', async () => {
    const secret = await service.services.clients.addReusable('revoking');
    const revocations = [
      (request: supertest.Test, token: string) => request.send({ token, client_id: 'revoking', client_secret: secret }),
      (request: supertest.Test, token: string) =>
        request.set('Authorization', basic('revoking', secret)).send({ token }),
      (request: supertest.Test, token: string) => request.send({ token, client_id: 'revoking' }),
    ];
    for (const send of revocations) {
      const { body } = await grant(service, 'revoking', secret).expect(200);
      const token = (body as Tokens).access_token;
      await send(service.http.post('/auth/revoke').type('form'), token).expect(200);
      await service.session(token).expect(401);
    }
  });

  test('200: another client’s token is not revoked', async () => {
    const { tokens } = await service.newClient();
    const secret = await service.services.clients.addReusable('curious');
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      await service.http.post('/auth/revoke').type('form').send({ token, client_id: 'curious' }).expect(200);
      const withSecret = { token, client_id: 'curious', client_secret: secret };
      await service.http.post('/auth/revoke').type('form').send(withSecret).expect(200);
    }
    await service.session(tokens.access_token).expect(200);
    await service.refresh(tokens.refresh_token).expect(200);
  });

  test('401 invalid_client: with a wrong secret, nothing is revoked', async () => {
    const { name, password, tokens } = await service.newClient();
    const fields = { token: tokens.access_token, client_id: name, client_secret: password };
    const { body, headers } = await service.http.post('/auth/revoke').type('form').send(fields).expect(401);
    expect(body.error).toBe('invalid_client');
    expect(headers['www-authenticate']).toBe('Basic realm="mlapi", charset="UTF-8"');
    await service.session(tokens.access_token).expect(200);
  });

  test('200: JSON is accepted too', async () => {
    const { tokens } = await service.newClient();
    await service.http.post('/auth/revoke').send({ token: tokens.refresh_token }).expect(200);
    await service.session(tokens.access_token).expect(401);
  });

  test('revocations raced against refreshes, 100 rounds: no token of the family works after both', async () => {
    for (let round = 0; round < 100; round += 1) {
      const tokens = await service.services.clients.get('racer').then(
        (client) => service.services.tokens.issue(client),
        async () => (await service.newClient('racer')).tokens,
      );
      const [rotation] = await Promise.all([
        service.refresh(tokens.refresh_token),
        revoke(tokens.access_token).expect(200),
      ]);
      const usable = rotation.status === 200 ? [tokens, rotation.body as Tokens] : [tokens];
      for (const { access_token, refresh_token } of usable) {
        await service.session(access_token).expect(401);
        await service.refresh(refresh_token).expect(401);
      }
    }
  });
});
