import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf, type RawResponse } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
let row: Record<string, unknown>;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient()).tokens.access_token;
  const { body } = await service.http.get('/api/ml').auth(token, { type: 'bearer' }).expect(200);
  row = (body as { sample: Record<string, unknown> }).sample;
});
afterAll(() => service.close());

const json = 'Content-Type: application/json\r\n';

async function predict(body: string | Buffer, headers = json): Promise<RawResponse> {
  const bytes = Buffer.from(body);
  const head =
    `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${headers}` +
    `Content-Length: ${bytes.length}\r\n\r\n`;
  const { answers } = await exchange(service.port, [head, bytes], { answers: 1 });
  expect(answers.flatMap(faultsOf)).toEqual([]);
  return answers[0]!;
}

const codeOf = ({ body }: RawResponse) => (JSON.parse(body) as { code: string }).code;
/** The sample with one cell replaced by JSON text. */
const withCell = (name: string, text: string) => JSON.stringify({ ...row, [name]: '@' }).replace('"@"', () => text);
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const bytesOf = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe('POST /api/ml: only I-JSON is accepted', () => {
  test.each<[string, string, string | Buffer]>([
    ['an empty body', 'invalid_json', ''],
    ['blanks only', 'invalid_json', ' \n'],
    ['a byte order mark', 'invalid_json', '\ufeff[[1]]'],
    ['trailing data', 'invalid_json', '[[1]] x'],
    ['two documents', 'invalid_json', '[[1]][[1]]'],
    ['a comment', 'invalid_json', '[[1]] // one'],
    ['single quotes', 'invalid_json', "{'duration':1}"],
    ['a trailing comma', 'invalid_json', '[[1],]'],
    ['NaN', 'invalid_json', '[[NaN]]'],
    ['Infinity', 'invalid_json', '[[-Infinity]]'],
    ['a hexadecimal number', 'invalid_json', '[[0x10]]'],
    ['a number with a leading zero', 'invalid_json', '[[01]]'],
    ['a string without an end', 'invalid_json', '["a'],
    ['an unpaired surrogate', 'invalid_json', '{"protocol_type":"\\ud800"}'],
    ['an unpaired surrogate in a name', 'invalid_json', '{"\\udc00":1}'],
    ['a surrogate in UTF-8', 'invalid_json', bytesOf('["', [0xed, 0xa0, 0x80], '"]')],
    ['an overlong UTF-8 quote', 'invalid_json', bytesOf('["', [0xc0, 0xa2], '"]')],
    ['UTF-8 that breaks off', 'invalid_json', bytesOf('["', [0xe2, 0x82], '"]')],
    ['UTF-16', 'invalid_json', Buffer.from('[[1]]', 'utf16le')],
    ['a name twice', 'duplicate_key', '{"duration":1,"duration":2}'],
    ['a name twice, once escaped', 'duplicate_key', '{"duration":1,"\\u0064uration":2}'],
    ['a name twice, deep inside', 'duplicate_key', '{"instances":[{"a":1,"b":{"c":1,"c":1}}]}'],
    ['33 levels', 'json_too_deep', nested(33)],
    ['40,000 levels of arrays', 'json_too_deep', nested(40_000)],
    ['40,000 levels of objects', 'json_too_deep', '{"a":'.repeat(40_000)],
    ['400,000 open brackets', 'json_too_deep', '['.repeat(400_000)],
  ])('400: %s (%s)', async (_name, code, body) => {
    const answer = await predict(body);

    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  test('400: an empty body and invalid JSON are different errors', async () => {
    const detailOf = async (body: string) => (JSON.parse((await predict(body)).body) as { detail: string }).detail;

    expect(await detailOf('')).toBe('The body is empty; it must be JSON.');
    expect(await detailOf(' ')).toBe('The body is not valid JSON in UTF-8.');
  });

  test.each<[string, string]>([
    ['null', 'null'],
    ['a string', '"tcp"'],
    ['a number', '1'],
    ['no rows', '[]'],
    ['an object without features', '{}'],
    ['32 levels', nested(32)],
    ['a row of another width', '[[1,2,3]]'],
    ['instances that are null', '{"instances":null}'],
    ['100,000 names', `{${Array.from({ length: 100_000 }, (_, at) => `"${at}":1`).join(',')}}`],
    ['a name of 1 MB', `{"${'a'.repeat(1_000_000)}":1}`],
    ['170,000 escapes', `{"a":"${'\\u0041'.repeat(170_000)}"}`],
    ['1,000,000 backslashes', `["${'\\'.repeat(1_000_000)}"]`],
  ])('400: %s is not a row', async (_name, body) => {
    const startedAt = performance.now();

    const answer = await predict(body);

    expect(answer.status).toBe(400);
    expect(answer.body.length).toBeLessThan(10_000);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length'])(
    '400: %s is not a feature, at any level, and pollutes nothing',
    async (name) => {
      const hostile = `"${name}":{"x":1,"scores":true}`;
      const text = JSON.stringify(row);

      for (const body of [
        `{${hostile}}`,
        `{${hostile},${text.slice(1)}`,
        `[{${hostile},${text.slice(1)}]`,
        `{"instances":{${hostile},${text.slice(1)}}`,
        `{"instances":[${text}],${hostile}}`,
      ]) {
        expect([body.slice(0, 60), (await predict(body)).status]).toEqual([body.slice(0, 60), 400]);
      }

      expect(({} as { x?: unknown }).x).toBeUndefined();
      expect((await predict(text)).status).toBe(200);
    },
  );

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'])(
    '404: %s is neither a model nor a version',
    async (name) => {
      for (const path of [`/api/models/${name}`, `/api/models/nsl-kdd-classifier/versions/${name}/predict`]) {
        const method = path.endsWith('predict') ? 'post' : 'get';
        const request = service.http[method](path).auth(token, { type: 'bearer' });
        await (method === 'post' ? request.send(row) : request).expect(404);
      }
    },
  );

  test.each([
    ['1e999', '1e999'],
    ['-1e999', '-1e999'],
    ['over the largest float of 32 bits', '1e39'],
    ['500,000 digits', '9'.repeat(500_000)],
    ['digits in quotes', '"1"'],
    ['digits and blanks in quotes', '" 1 "'],
    ['an exponent in quotes', '"1e3"'],
    ['null', 'null'],
    ['an array', '[]'],
    ['an object', '{}'],
  ])('400: %s is not a finite number, and a pointer names its cell', async (_name, text) => {
    const answer = await predict(withCell('duration', text));

    expect(answer.status).toBe(400);
    const { errors } = JSON.parse(answer.body) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/duration']);
  });

  test.each([
    ['-0', '-0'],
    ['1e-400', '1e-400'],
    ['an exponent', '1E-2'],
    ['500,000 decimals', `0.${'1'.repeat(500_000)}`],
  ])('200: %s is a finite number', async (_name, text) => {
    const answer = await predict(withCell('duration', text));

    expect(answer.status).toBe(200);
    expect(answer.body).not.toMatch(/null|NaN|Infinity/);
  });
});

describe('POST /api/ml: media types and content encodings', () => {
  test.each<[string, string]>([
    ['no type', ''],
    ['text', 'Content-Type: text/plain\r\n'],
    ['JSON in UTF-16', 'Content-Type: application/json;charset=utf-16\r\n'],
    ['JSON in Latin-1', 'Content-Type: application/json; charset=iso-8859-1\r\n'],
    ['two charsets', 'Content-Type: application/json; charset=utf-8; charset=utf-16\r\n'],
    ['two types in a list', 'Content-Type: application/json, text/plain\r\n'],
    ['a longer name', 'Content-Type: application/jsonx\r\n'],
    ['JSON of a vendor', 'Content-Type: application/vnd.x+json\r\n'],
    ['a form', 'Content-Type: application/x-www-form-urlencoded\r\n'],
    ['multipart', 'Content-Type: multipart/form-data; boundary=x\r\n'],
    ['a name from Object.prototype', 'Content-Type: constructor\r\n'],
  ])('415: %s; Accept names the supported types', async (_name, headers) => {
    const answer = await predict(JSON.stringify(row), headers);

    expect([answer.status, answer.headers.accept]).toEqual([415, expect.stringMatching(/^application\/json\b/)]);
  });

  test.each([
    'application/json',
    'Application/JSON; Charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/json;',
  ])('200: %s is JSON in UTF-8', async (type) => {
    expect((await predict(JSON.stringify(row), `Content-Type: ${type}\r\n`)).status).toBe(200);
  });

  test.each<[string, Buffer]>([
    ['gzip', gzipSync('[[1]]')],
    ['gzip', gzipSync(Buffer.alloc(10_000_000, '[')).subarray(0, 900)],
    ['gzip, gzip', gzipSync(gzipSync('[[1]]'))],
    ['identity, gzip', gzipSync('[[1]]')],
    ['br', Buffer.from('x')],
    ['deflate', Buffer.from('x')],
    ['unknown', Buffer.from('[[1]]')],
  ])('415: a body in %s is not inflated', async (coding, body) => {
    const answer = await predict(body, `${json}Content-Encoding: ${coding}\r\n`);

    expect([answer.status, answer.headers['accept-encoding']]).toEqual([415, 'identity']);
  });

  test('200: identity counts as no encoding', async () => {
    expect((await predict(JSON.stringify(row), `${json}Content-Encoding: identity\r\n`)).status).toBe(200);
  });
});
