import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const refused = {
  error: 'invalid_client',
  error_description:
    'The username or the password is wrong, or the password has been used already. ' +
    'A password works once; ask the operator for a new one (clients reset-password NAME).',
};

/** Everything that a refusal must not change (I1). */
async function readState(): Promise<string> {
  const { database } = service.services;
  const tables = ['clients', 'token_families', 'audit_events', 'signing_keys'] as const;
  return JSON.stringify(await Promise.all(tables.map((table) => database.selectFrom(table).selectAll().execute())));
}

async function addClient(name: string, password?: string): Promise<string> {
  return service.services.clients.add(name, password === undefined ? {} : { password });
}

describe('B28: names', () => {
  test('401: responses for unknown, wrong, spent and disabled are identical', async () => {
    const spent = await service.newClient('spent-client');
    const disabledPassword = await addClient('disabled-client');
    await service.services.clients.disable('disabled-client');
    await addClient('live-client');
    const before = await readState();
    const answers = [
      await service.reset('no-such-client', 'x'.repeat(32)),
      await service.reset('live-client', 'x'.repeat(32)),
      await service.reset(spent.name, spent.password),
      await service.reset('disabled-client', disabledPassword),
      await service.reset('not a name at all\u0000', 'x'.repeat(32)),
    ];
    for (const { status, body, text, headers } of answers) {
      expect([status, body, text]).toEqual([401, refused, answers[0]?.text]);
      expect(Object.keys(headers).sort()).toEqual(Object.keys(answers[0]?.headers as object).sort());
    }
    expect(await readState()).toBe(before);
  });

  test('an unknown name takes as long as a known one: the medians of 60 tries differ by less than half', async () => {
    await addClient('timed-client');
    const times: Record<string, number[]> = { 'timed-client': [], 'no-such-client': [] };
    for (let round = 0; round < 60; round += 1) {
      for (const name of round % 2 === 0 ? Object.keys(times) : Object.keys(times).reverse()) {
        const startedAt = performance.now();
        await service.reset(name, `wrong-${round}`).expect(401);
        times[name]?.push(performance.now() - startedAt);
      }
    }
    const [known, unknown] = Object.values(times).map((values) => values.sort((a, b) => a - b)[30] ?? 0);
    expect(Math.abs(known! / unknown! - 1)).toBeLessThan(0.5);
  });

  test.each([
    'app1',
    'App',
    'APP',
    'app ',
    ' app',
    'app\u200b',
    '\u0430pp',
    'app/../admin',
    'app\0',
    '.*',
    'ap',
    'a%70p',
    'reset',
    '__proto__',
  ])('401: %j is not the client "app"', async (name) => {
    const password = await service.services.clients
      .add('app')
      .catch(async () => service.services.clients.resetPassword('app'));
    await service.reset(name, password).expect(401);
    await service.reset('app', password).expect(200);
  });

  test('clients "app" and "app1" do not affect each other', async () => {
    await service.services.clients.add('app').catch(() => undefined);
    const app1 = await service.newClient('app1');
    const app = await service.reset('app', await service.services.clients.resetPassword('app')).expect(200);
    await service.session(app1.tokens.access_token).expect(200);
    await service.services.clients.disable('app');
    await service.session(app.body.access_token).expect(401);
    await service.session(app1.tokens.access_token).expect(200);
    await service.refresh(app.body.refresh_token).expect(401);
    const { body } = await service.refresh(app1.tokens.refresh_token).expect(200);
    await service.refresh(app1.tokens.refresh_token).expect(401);
    await service.session(body.access_token).expect(401);
    await service.services.clients.enable('app');
    await service.reset('app', await service.services.clients.resetPassword('app')).expect(200);
  });
});

describe('B29, B30: passwords and types', () => {
  const passwords = ['x', 'x'.repeat(64), 'x'.repeat(1_024), 'a\0b', 'p\u00e4ss', ' spaced ', '\u{1f511}'.repeat(200)];
  test.each(passwords.map((password, index) => [index, password] as const))(
    'password %i is compared exactly',
    async (index, password) => {
      const name = `exact-${index}`;
      await addClient(name, password);
      for (const other of [
        `${password}x`,
        password.trim() === password ? ` ${password}` : password.trim(),
        password.normalize('NFD') === password ? `${password}\0` : password.normalize('NFD'),
      ]) {
        if (Buffer.byteLength(other) <= 1_024) await service.reset(name, other).expect(401);
      }
      await service.reset(name, password).expect(200);
    },
  );

  test('passwords that share their first 72 bytes or more are different', async () => {
    await addClient('long-prefix', `${'x'.repeat(100)}1`);
    await service.reset('long-prefix', `${'x'.repeat(100)}2`).expect(401);
    await service.reset('long-prefix', 'x'.repeat(72)).expect(401);
    await service.reset('long-prefix', `${'x'.repeat(100)}1`).expect(200);
  });

  test('400: over the limit, without hashing', async () => {
    for (const password of ['x'.repeat(1_025), 'x'.repeat(4_096), '\u{1f511}'.repeat(300), '']) {
      const { body } = await service.reset('demo', password).expect(400);
      expect(body.error).toBe('invalid_request');
    }
    await service.reset('demo', 'x'.repeat(1_048_576)).expect(413);
  });

  const values = [['a'], 7, { $gt: '' }, true, null, {}];
  test.each(
    values.flatMap((value) => [
      { username: value, password: 'x' },
      { username: 'x', password: value },
    ]),
  )('400: %j', async (body) => {
    const { body: answer } = await service.http
      .post('/auth/reset')
      .send(body as object)
      .expect(400);
    expect(answer.error).toBe('invalid_request');
  });

  test('400: __proto__, unknown fields, and fields that a client may not set', async () => {
    const texts = [
      '{"__proto__":{"username":"a","password":"b"}}',
      '{"username":"a","password":"b","__proto__":{"x":1}}',
      '{"username":"a","password":"b","constructor":{}}',
      '{"username":"a","password":"b","role":"admin"}',
      '{"username":"a","password":"b","scopes":["admin"]}',
      '{"username":"a","username":"b","password":"c"}',
      '[]',
      'null',
      '"x"',
      '',
    ];
    for (const text of texts) await service.http.post('/auth/reset').type('json').send(text).expect(400);
    expect(({} as Record<string, unknown>).username).toBeUndefined();
  });
});

describe('B49, B50: forms', () => {
  test('200: JSON, urlencoded and multipart are equivalent', async () => {
    const password = 'p&ss=+w%rd \u00e4';
    for (const [index, send] of [
      () => service.http.post('/auth/reset').send({ username: 'form-0', password }),
      () => service.http.post('/auth/reset').type('form').send({ username: 'form-1', password }),
      () => service.http.post('/auth/reset').field('username', 'form-2').field('password', password),
    ].entries()) {
      await addClient(`form-${index}`, password);
      const { body } = await send().expect(200);
      expect(Object.keys(body).sort()).toEqual([
        'access_token',
        'expires_in',
        'refresh_expires_in',
        'refresh_token',
        'scope',
        'token_type',
      ]);
    }
  });

  const forms = [
    'username=a&username=b&password=c',
    'username[]=a&password=c',
    'a[b]=c',
    'username=%ff&password=c',
    'username=a',
    'username=%&password=c',
    'a=1&'.repeat(100),
    'grant_type=password&grant_type=password&username=a&password=c',
    'username=a&password=c&refresh_token[]=x',
  ];
  test.each(forms)('400: %s', (form) =>
    service.http
      .post('/auth/reset')
      .type('form')
      .send(form)
      .expect(400)
      .then(() => undefined),
  );

  test('400: text after an unescaped & in a password, or in a body of another type, is not repeated', async () => {
    for (const body of [
      'username=a&password=half&CANARY',
      '{"username":"a","password":"CANARY"}',
      '{"username":"a","password":"CANARY"}&username=a&password=b',
    ]) {
      const { text } = await service.http.post('/auth/reset').type('form').send(body).expect(400);
      expect(text).not.toContain('CANARY');
    }
    const { body } = await service.http
      .post('/auth/reset')
      .send({ username: 'a', password: 'b', CANARY: 1 })
      .expect(400);
    expect(body.error_description).toBe('The body is invalid: unknown field.');
  });

  test('400: a multipart form with a file, a repeated field, no boundary, or cut off', async () => {
    const multipart = (text: string, type = 'multipart/form-data; boundary=x') =>
      service.http.post('/auth/reset').set('Content-Type', type).send(text);
    const field = (name: string) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nvalue\r\n`;
    await service.http
      .post('/auth/reset')
      .field('username', 'a')
      .attach('password', Buffer.from('x'), 'f.txt')
      .expect(400);
    await multipart(`${field('username')}${field('username')}--x--\r\n`).expect(400);
    await multipart(`${field('username')}${field('password')}`).expect(400);
    await multipart(`${field('username')}--x--\r\n`, 'multipart/form-data').expect(400);
    await multipart('').expect(400);
  });

  test.each(['a:b', 'nocolon', 'a:b:c', 'a%3Ab:c%20d', '\u00e4:\u00f6', ''])(
    '400: HTTP Basic in any form beside the body, %j',
    async (pair) => {
      for (const header of [`Basic ${Buffer.from(pair, 'latin1').toString('base64')}`, 'Basic ***', 'basic']) {
        const request = service.http.post('/auth/reset').set('Authorization', header);
        await request.send({ username: 'a', password: 'b' }).expect(400);
      }
    },
  );

  test('400: HTTP Basic beside the body; 405: GET; 415: other media types; 413: over the limit', async () => {
    await service.http.post('/auth/reset').auth('a', 'b').send({ username: 'a', password: 'b' }).expect(400);
    await service.http.get('/auth/reset').expect(405).expect('allow', 'POST, OPTIONS');
    await service.http.post('/auth/reset').type('text/plain').send('x').expect(415);
    await service.http.post('/auth/reset').expect(415);
    const { body } = await service.http
      .post('/auth/reset')
      .send({ username: 'a', password: 'x'.repeat(20_000) })
      .expect(413);
    expect(body).toEqual({
      error: 'invalid_request',
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/),
    });
  });
});
