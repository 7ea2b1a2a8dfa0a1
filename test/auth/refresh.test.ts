import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, type TestService, type Tokens } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('POST /auth/refresh', () => {
  test('200: a refresh token gets its successor, and the older access token stays good', async () => {
    const { tokens } = await service.newClient();

    const { body } = await service
      .refresh(tokens.refresh_token)
      .expect(200)
      .expect('cache-control', 'no-store');

    const next = body as Tokens;
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    await service.session(tokens.access_token).expect(200);
    await service.session(next.access_token).expect(200);
  });

  test('401: a refresh token used twice revokes the whole family', async () => {
    const { tokens } = await service.newClient();
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    const next = body as Tokens;

    await service.refresh(tokens.refresh_token).expect(401);

    await service.refresh(next.refresh_token).expect(401);
    await service.session(next.access_token).expect(401);
    await service.session(tokens.access_token).expect(401);
  });
});
