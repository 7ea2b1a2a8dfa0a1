import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const form = 'application/x-www-form-urlencoded';
const multipart = 'multipart/form-data; boundary=b';
const part = (name: string, value: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

/** Well-formed wrong credentials get 401, which shows that the form was parsed. */
async function reset(type: string, body: string | Buffer) {
  const bytes = Buffer.from(body as string);
  const head = `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  const { answers } = await exchange(service.port, [head, bytes], { answers: 1 });
  const { status, body: text } = answers[0]!;
  return [status, (JSON.parse(text) as { error: string }).error];
}

describe('POST /auth/reset: forms', () => {
  test.each([
    ['JSON', 'application/json', '{"username":"nobody","password":"a b"}'],
    ['urlencoded', form, 'username=nobody&password=a+b'],
    ['urlencoded with escapes', form, 'username=nobody&password=%F0%9F%98%80'],
    ['urlencoded with empty pairs', form, '&username=nobody&&password=x&'],
    ['urlencoded with an equals sign in a value', form, 'username=nobody&password=a=b'],
    ['urlencoded in UTF-8', `${form}; charset=UTF-8`, 'username=nobody&password=x'],
    ['multipart', multipart, `${part('username', 'nobody')}${part('password', 'a b')}--b--\r\n`],
  ])('401: %s is parsed', async (_name, type, body) => {
    expect(await reset(type, body)).toEqual([401, 'invalid_client']);
  });

  test.each<[string, string, string | Buffer]>([
    ['a field twice', form, 'username=nobody&username=nobody&password=x'],
    ['a field twice, once escaped', form, 'username=nobody&%75sername=nobody&password=x'],
    ['an array', form, 'username[]=nobody&password=x'],
    ['an object', form, 'username[a]=nobody&password=x'],
    ['a prototype', form, '__proto__=x&username=nobody&password=x'],
    ['an incomplete escape', form, 'username=%&password=x'],
    ['an escape that is not UTF-8', form, 'username=%ff&password=x'],
    ['bytes that are not UTF-8', form, Buffer.from([0x61, 0xff])],
    ['an unknown field', form, 'username=nobody&password=x&admin=true'],
    ['nothing', form, ''],
    ['JSON in a form', form, '{"username":"nobody","password":"x"}'],
    ['a form in JSON', 'application/json', 'username=nobody&password=x'],
    ['a name twice in JSON', 'application/json', '{"username":"a","username":"nobody","password":"x"}'],
    ['a part twice', multipart, `${part('username', 'a')}${part('username', 'b')}${part('password', 'x')}--b--\r\n`],
    ['a file', multipart, `${part('username', 'a')}${part('password', 'x', '; filename="x"')}--b--\r\n`],
    ['a multipart body that breaks off', multipart, `${part('username', 'nobody')}${part('password', 'x')}`],
    ['a multipart body without its boundary', multipart, 'username=nobody'],
    ['multipart without a boundary', 'multipart/form-data', part('username', 'nobody')],
    ['100 parts', multipart, `${Array.from({ length: 100 }, (_, at) => part(`a${at}`, 'x')).join('')}--b--\r\n`],
    [
      'a part of the prototype',
      multipart,
      `${part('__proto__', 'x')}${part('username', 'a')}${part('password', 'x')}--b--\r\n`,
    ],
    ['an empty multipart body', multipart, ''],
  ])('400: %s', async (_name, type, body) => {
    expect(await reset(type, body)).toEqual([400, 'invalid_request']);
  });

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded; charset=latin1', 'multipart/mixed'])(
    '415: %s',
    async (type) => {
      expect(await reset(type, 'username=nobody&password=x')).toEqual([415, 'invalid_request']);
    },
  );
});
