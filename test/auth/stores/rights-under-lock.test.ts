import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { VerifiedClient } from '../../../mlapi/auth/types.ts';
import { setClientScopes } from '../../../mlapi/auth/stores/client-store.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const wide = ['models:predict', 'models:read'];
let count = 0;
/** A client whose password was just verified; a test changes it before its tokens are issued. */
async function verified(scopes = wide) {
  const name = `verified-${(count += 1)}`;
  const password = await service.services.clients.add(name, { scopes });
  const client = await service.services.authenticator.authenticate(name, password, '127.0.0.1');
  const reset = (scope?: string) => service.services.tokens.reset(client, scope, {});
  return { name, password, client, reset };
}
const familiesOf = async (name: string) =>
  service.services.database
    .selectFrom('token_families')
    .innerJoin('clients', 'clients.id', 'token_families.client_id')
    .select(['token_families.scopes', 'token_families.ended_at'])
    .where('clients.name', '=', name)
    .execute();

describe('changes between password verification and token issue', () => {
  test('removed scopes are not in the tokens or in their successors', async () => {
    const { name, reset } = await verified();
    await service.services.clients.setScopes(name, ['models:read']);

    const tokens = await reset();

    expect(tokens.scope).toBe('models:read');
    expect((await service.session(tokens.access_token).expect(200)).body.scopes).toEqual(['models:read']);
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    expect((body as Tokens).scope).toBe('models:read');
    expect(await familiesOf(name)).toEqual([{ scopes: 'models:read', ended_at: null }]);
  });

  test('400: a removed scope is not granted, and the password stays valid', async () => {
    const { name, password, reset } = await verified();
    await service.services.clients.setScopes(name, ['models:read']);

    await expect(reset('models:predict')).rejects.toMatchObject({ status: 400, code: 'invalid_scope' });

    expect(await familiesOf(name)).toEqual([]);
    await service.reset(name, password).expect(200);
  });

  test('added scopes are in the tokens', async () => {
    const { name, reset } = await verified(['models:read']);
    await service.services.clients.setScopes(name, wide);
    expect((await reset()).scope).toBe('models:predict models:read');
  });

  test.each<[string, (name: string, client: VerifiedClient) => Promise<unknown>]>([
    ['disabled', (name) => service.services.clients.disable(name)],
    ['given a new password', (name) => service.services.clients.resetPassword(name)],
    [
      'served with its password by another request',
      (_, client) => service.services.tokens.reset(client, undefined, {}),
    ],
  ])('401: a client that is %s', async (_, change) => {
    const { name, client, reset } = await verified();
    await change(name, client);
    await expect(reset()).rejects.toMatchObject({ status: 401, code: 'invalid_client' });
  });
});

describe('changes between an operator’s lookup of a client and token issue', () => {
  test('removed scopes are not in the tokens', async () => {
    const { name } = await verified();
    const client = await service.services.clients.get(name);
    await service.services.clients.setScopes(name, ['models:read']);

    expect((await service.services.tokens.issue(client)).scope).toBe('models:read');
    await expect(service.services.tokens.issue(client, 'models:predict')).rejects.toMatchObject({ status: 400 });
  });

  test('a disabled client gets no tokens', async () => {
    const { name } = await verified();
    const client = await service.services.clients.get(name);
    await service.services.clients.disable(name);
    await expect(service.services.tokens.issue(client)).rejects.toThrow(`the client "${name}" is disabled`);
  });
});

describe('POST /auth/refresh', () => {
  test('a scope that the client’s row no longer grants is not in new tokens, even if the family lives on', async () => {
    const { name, client, reset } = await verified();
    const tokens = await reset();
    // A restored or edited database may be in this state: `clients scopes` would have ended the family.
    await setClientScopes(service.services.database, client.id, ['models:predict:churn-*', 'models:read']);

    const { body } = await service.refresh(tokens.refresh_token).expect(200);

    expect((body as Tokens).scope).toBe('models:read');
    expect((await familiesOf(name))[0]?.ended_at).toBeNull();
  });

  test('400: such a scope is refused if requested', async () => {
    const { client, reset } = await verified();
    const tokens = await reset();
    await setClientScopes(service.services.database, client.id, ['models:read']);
    const asked = service.services.tokens.refresh(tokens.refresh_token, { scope: 'models:predict' }, {});
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'invalid_scope' });
  });

  test('a family with a subset of the scopes keeps it while the client has all of them', async () => {
    const { reset } = await verified();
    const tokens = await reset('models:predict:churn');
    expect((await service.refresh(tokens.refresh_token).expect(200)).body.scope).toBe('models:predict:churn');
  });
});
