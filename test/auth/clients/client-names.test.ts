import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isClientName, LookAlikes, normalizeName } from '../../../mlapi/auth/clients/client-names.ts';
import { startService, type TestService } from '../../support/service.ts';

describe('client names', () => {
  const names = [
    'app',
    'a.b@c-d_e',
    '7',
    'clémence',
    'Ærøskøbing',
    'İstanbul',
    'straße',
    'Ελένη',
    'Мария-2',
    '東京',
    'サーバー1',
    '서울',
  ];
  test.each(names)('valid in composed and decomposed form: %s', (name) => {
    expect(isClientName(normalizeName(name))).toBe(true);
    expect(isClientName(normalizeName(name.normalize('NFD')))).toBe(true);
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['65 characters', 'é'.repeat(65)],
    ['punctuation first', '-é'],
    ['punctuation last', 'é.'],
    ['a blank', 'é a'],
    ['Cyrillic among Latin letters', 'cl\u0435\u0301mence'],
    ['Greek among Latin letters', 'p\u03b1ypal'],
    ['Hangul beside Han', '서京'],
    ['a fullwidth letter', '\uff41pp'],
    ['a ligature', '\ufb01n'],
    ['a mathematical letter', '\u{1d44e}pp'],
    ['a zero-width space', 'é\u200ba'],
    ['a zero-width joiner', 'é\u200da'],
    ['a soft hyphen', 'é\u00ada'],
    ['a direction mark', 'é\u202ea'],
    ['a mark that no letter takes in', 'q\u0303a'],
    ['marks in heaps', 'e\u0301\u0301\u0301'],
    ['a phonetic letter that looks like a', 'p\u0251ypal'],
    ['a click that looks like an exclamation mark', 'a\u01c3b'],
    ['a conjoining Hangul letter', '\u1100'],
    ['a Hangul filler', 'a\u3164'],
    ['digits of another script', 'é\u0661'],
    ['an emoji', 'é\u{1f600}'],
    ['a lone surrogate', 'é\ud83d'],
    ['a control', 'é\u0007a'],
  ])('invalid: %s', (_, name) => {
    expect(isClientName(normalizeName(name))).toBe(false);
  });

  test.each([
    ['paypa', 'раура', true],
    ['cop', 'сор', true],
    ['AHO', 'ΑΗΟ', true],
    ['clémence', 'clemence', false],
    ['iris', 'ırıs', true],
    ['app1', 'appl', false],
    ['二', 'ニ', true],
  ])('%s and %s look alike: %s', (one, other, areAlike) => {
    expect(new LookAlikes([one]).find(other) === one).toBe(areAlike);
    expect(new LookAlikes([other]).find(one) === other).toBe(areAlike);
    expect(new LookAlikes([one]).find(one)).toBeUndefined();
  });
});

describe('a client whose name has a non-ASCII letter', () => {
  const name = 'clémence';
  const decomposed = name.normalize('NFD');
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test.each(['json', 'form'])(
    '200: logs in as %s in composed or decomposed form, refreshes and predicts; its token holds the composed form',
    async (type) => {
      const { clients } = service.services;
      for (const username of [name, decomposed]) {
        if ((await clients.list()).some((client) => client.name === name))
          await clients.resetPassword(decomposed, { password: 'a-password' });
        else await clients.add(decomposed, { password: 'a-password' });
        const reset = await service.http
          .post('/auth/reset')
          .type(type)
          .send({ username, password: 'a-password' })
          .expect(200);
        const { access_token: access, refresh_token: refresh } = reset.body as {
          access_token: string;
          refresh_token: string;
        };
        const payload = JSON.parse(Buffer.from(access.split('.')[1]!, 'base64url').toString()) as { sub: string };
        expect(payload.sub).toBe(name);
        await service.http.get('/api/models').set('authorization', `Bearer ${access}`).expect(200);
        await service.http.post('/auth/refresh').set('authorization', `Bearer ${refresh}`).expect(200);
      }
    },
  );

  test('200: a reusable client authenticates by HTTP header and by form', async () => {
    const secret = await service.services.clients.addReusable('émile');
    for (const id of ['émile', 'émile'.normalize('NFD')]) {
      const basic = Buffer.from(`${encodeURIComponent(id)}:${secret}`).toString('base64');
      const grant = () => service.http.post('/auth/token').type('form');
      await grant().set('authorization', `Basic ${basic}`).send({ grant_type: 'client_credentials' }).expect(200);
      await grant().send({ grant_type: 'client_credentials', client_id: id, client_secret: secret }).expect(200);
    }
  });

  test('a name that looks like an existing one is refused, whichever was added first', async () => {
    const { clients } = service.services;
    await clients.add('сор');

    await expect(clients.add('cop')).rejects.toThrow('"cop" looks like the client "сор": choose another name');
    await expect(clients.add('clе́mence')).rejects.toThrow(/all of one script/);
    await expect(clients.add(decomposed)).rejects.toThrow(`a client "${name}" exists already`);
    const twice = [name, decomposed].map((login) => ({ name: login, password: 'a-password' }));
    await expect(clients.import(twice)).rejects.toThrow('line 2: the login occurs twice');
    const alike = ['Ана', 'Aнa', 'AHA', 'АНА'].map((login) => ({ name: login, password: 'a-password' }));
    await expect(clients.import(alike)).rejects.toThrow(
      /line 2: the login is not a valid client name[^]*line 4: the login looks like another one, "AHA"/,
    );
  });
});
