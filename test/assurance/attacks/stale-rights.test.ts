import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setClientScopes } from '../../../mlapi/auth/stores/client-store.ts';
import { endFamiliesOf } from '../../../mlapi/auth/stores/family-store.ts';
import type { Queries } from '../../../mlapi/persistence/database.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const wide = ['models:predict', 'models:read'];
const narrow = ['models:read'];

/**
 * Changes a client's rights while its request is running: locks the client's row, starts the request, waits until the request
 * waits for the lock, removes the rights in the locking transaction, and commits.
 */
async function overtaken<T>(
  name: string,
  request: () => Promise<T>,
  change: (queries: Queries, id: string) => Promise<unknown>,
) {
  const { clients, database } = service.services;
  const { id } = await clients.get(name);
  const { answer } = await database.transaction().execute(async (queries) => {
    await queries.selectFrom('clients').select('id').where('id', '=', id).forUpdate().execute();
    const begun = request();
    // These hash passwords without a lock, queued after the request: once all are answered, the request's own hash is done.
    for (let other = 0; other < 8; other += 1) await service.reset(`nobody-${other}`, 'wrong').expect(401);
    await change(queries, id);
    return { answer: begun };
  });
  return answer;
}

const takeScopes = async (queries: Queries, id: string) => {
  await setClientScopes(queries, id, narrow);
  await endFamiliesOf(queries, id, 'scopes', service.clock.now);
};

describe('scopes removed while a request is running do not come back', () => {
  test('POST /auth/reset: tokens have the remaining scopes', async () => {
    const password = await service.services.clients.add('resetting', { scopes: wide });

    const { status, body } = await overtaken('resetting', async () => service.reset('resetting', password), takeScopes);

    expect(status).toBe(200);
    expect((body as Tokens).scope).toBe('models:read');
    const { body: next } = await service.refresh((body as Tokens).refresh_token).expect(200);
    expect((next as Tokens).scope).toBe('models:read');
    await ask(service, (next as Tokens).access_token, ['POST', '/api/ml'], { json: [] }).then(({ status: predicted }) =>
      expect(predicted).toBe(403),
    );
  });

  test('POST /auth/refresh: no token of the family survives', async () => {
    const { tokens } = await service.newClient('refreshing', wide);
    const { status } = await overtaken('refreshing', async () => service.refresh(tokens.refresh_token), takeScopes);
    expect(status).toBe(401);
    await service.session(tokens.access_token).expect(401);
  });

  test('tokens issue: tokens have the remaining scopes', async () => {
    await service.services.clients.add('issued', { scopes: wide });
    const client = await service.services.clients.get('issued');
    const tokens = await overtaken('issued', () => service.services.tokens.issue(client), takeScopes);
    expect(tokens.scope).toBe('models:read');
    expect((await service.session(tokens.access_token).expect(200)).body.scopes).toEqual(narrow);
  });
});

describe('401: a client that loses its rights during a request changes nothing in the model store', () => {
  const taken: [string, (name: string) => Promise<unknown>][] = [
    ['scopes', (name) => service.services.clients.setScopes(name, narrow)],
    ['access', (name) => service.services.clients.disable(name)],
    ['tokens', (name) => service.services.clients.revokeTokens(name)],
    ['password', (name) => service.services.clients.resetPassword(name)],
  ];
  const incoming = () => {
    const folder = join(service.dataDir, 'models', 'incoming');
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  test.each(taken)('its %s: an upload in progress', async (what, change) => {
    const name = `uploading-${what}`;
    const { tokens } = await service.newClient(name, allScopes);
    const model = identityModel(2);
    let finish = (): void => undefined;
    const body = new ReadableStream({
      start: (stream) => {
        stream.enqueue(new Uint8Array(model.subarray(0, 20)));
        finish = () => {
          stream.enqueue(new Uint8Array(model.subarray(20)));
          stream.close();
        };
      },
    });
    const headers = { 'content-type': 'application/octet-stream' };
    const path = `/api/models/${name}/versions/1`;
    const uploading = ask(service, tokens.access_token, ['PUT', path], { body, duplex: 'half', headers });
    while (incoming().length === 0) await nextTurn();
    await change(name);
    finish();

    const answer = await uploading;

    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_token']);
    const kept = await service.services.database.selectFrom('models').select('name').where('name', '=', name).execute();
    expect(kept).toEqual([]);
    expect(incoming()).toEqual([]);
  });

  test.each(taken)('its %s: aliases and versions', async (what, change) => {
    const name = `owner-${what}`;
    const { tokens } = await service.newClient(name, allScopes);
    expect((await upload(service, tokens.access_token, [name, '1'], { model: identityModel(1) })).status).toBe(201);
    const { service: store } = service.services.modelStore;
    const { id: clientId } = await service.services.clients.get(name);
    const family = service.services.database
      .selectFrom('token_families')
      .select('id')
      .where('client_id', '=', clientId);
    const { id: familyId } = await family.where('ended_at', 'is', null).executeTakeFirstOrThrow();
    const actor = { clientId, familyId, isAdministrator: true };
    const target = { version: '1', canary: null, shadow: null };
    await store.setAlias({ model: name, alias: 'kept', ...target }, {}, actor);
    await change(name);

    // They have passed the guard; their rights are checked again in the transaction.
    const changes = [
      () => store.setAlias({ model: name, alias: 'new', ...target }, {}, actor),
      () => store.removeAlias({ model: name, alias: 'kept' }, {}, actor),
      () => store.retire({ model: name, version: '1' }, actor),
    ];
    for (const attempt of changes)
      await expect(attempt()).rejects.toMatchObject({ status: 401, code: 'invalid_token' });

    const aliases = await service.services.modelStore.store.aliases(name);
    expect(aliases.map(({ alias }) => alias)).toEqual(['kept']);
    expect((await service.services.modelStore.store.resolve(name, '1')).retiredAt).toBeNull();
  });
});
