import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('POST /auth/reset', () => {
  test('200: the response has the shape of RFC 6749 and is not cacheable', async () => {
    const password = await service.services.clients.add('shape');
    const { body, headers } = await service.reset('shape', password).expect(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      refresh_expires_in: 86_400,
      scope: 'models:predict models:read',
    });
    expect(headers['cache-control']).toBe('no-store');
  });

  test('401: a password works once; a new password ends the tokens issued under the old one', async () => {
    const { name, password, tokens } = await service.newClient();
    await service.reset(name, password).expect(401);
    await service.session(tokens.access_token).expect(200);
    const renewed = await service.services.clients.resetPassword(name);
    await service.session(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).expect(401);
    await service.reset(name, renewed).expect(200);
    await service.reset(name, renewed).expect(401);
  });

  test('exactly one 200 of sixty-four parallel resets with one password', async () => {
    const password = await service.services.clients.add('raced');
    const answers = await Promise.all(Array.from({ length: 64 }, () => service.reset('raced', password)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(63);
    const families = await service.services.database
      .selectFrom('token_families')
      .innerJoin('clients', 'clients.id', 'token_families.client_id')
      .select('token_families.id')
      .where('clients.name', '=', 'raced')
      .execute();
    expect(families).toHaveLength(1);
  });

  test('scope: a subset applies to the whole family; a scope beyond the client’s is 400 and does not spend the password', async () => {
    const password = await service.services.clients.add('narrow');
    const ask = (scope: string) => service.http.post('/auth/reset').send({ username: 'narrow', password, scope });
    const { body: refused } = await ask('models:read admin').expect(400);
    expect(refused.error).toBe('invalid_scope');
    const { body } = await ask('models:read').expect(200);
    expect(body.scope).toBe('models:read');
    const { body: next } = await service.refresh(body.refresh_token as string).expect(200);
    expect(next.scope).toBe('models:read');
  });

  test('with MLAPI_RESET_ONCE=false a password works again, and each reset ends the older families', async () => {
    const often = await startService({ MLAPI_RESET_ONCE: 'false' });
    const { name, password, tokens } = await often.newClient();
    const { body } = await often.reset(name, password).expect(200);
    await often.session(tokens.access_token).expect(401);
    await often.refresh(tokens.refresh_token).expect(401);
    await often.session(body.access_token as string).expect(200);
    await often.close();
  });
});

describe('disabled clients', () => {
  test('401: their tokens end at once, and stay invalid when the client is enabled again', async () => {
    const { name, tokens } = await service.newClient();
    await service.services.clients.disable(name);
    await service.session(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).expect(401);
    await service.services.clients.enable(name);
    await service.session(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).expect(401);
  });

  test('401: a disabled client cannot reset, and the attempt does not spend its password', async () => {
    const password = await service.services.clients.add('paused');
    await service.services.clients.disable('paused');
    await service.reset('paused', password).expect(401);
    await service.services.clients.enable('paused');
    await service.reset('paused', password).expect(200);
  });
});
