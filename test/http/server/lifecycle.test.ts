import { describe, expect, test } from '@jest/globals';
import { Lifecycle } from '../../../mlapi/http/server/lifecycle.ts';
import { exchange } from '../../support/raw-http.ts';
import { startService } from '../../support/service.ts';

describe('Lifecycle', () => {
  test('goes from starting to ready to draining, and never back', () => {
    const lifecycle = new Lifecycle();
    const states = (['ready', 'starting', 'draining', 'ready', 'starting'] as const).map((state) => {
      lifecycle.enter(state);
      return [lifecycle.isReady, lifecycle.closesConnections];
    });

    expect(states).toEqual([
      [true, false],
      [true, false],
      [false, true],
      [false, true],
      [false, true],
    ]);
  });

  test('is not ready until told so, and may drain before that', () => {
    const lifecycle = new Lifecycle();
    expect([lifecycle.isReady, lifecycle.closesConnections]).toEqual([false, false]);

    lifecycle.enter('draining');

    expect([lifecycle.isReady, lifecycle.closesConnections]).toEqual([false, true]);
  });
});

describe('GET /api/readiness', () => {
  test('503: while draining, readiness is 503, liveness 200, and connections close after their response', async () => {
    const service = await startService();
    const { tokens } = await service.newClient();
    await service.http.get('/api/readiness').expect(200, { status: 'ready' });

    service.services.lifecycle.enter('draining');

    await service.http.get('/api/readiness').expect(503, { status: 'not ready' });
    await service.http.get('/api/liveness').expect(200, { status: 'alive' });
    await service.session(tokens.access_token).expect(200);
    const { answers } = await exchange(service.port, 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([[200, 'close']]);
    await service.close();
  });
});
