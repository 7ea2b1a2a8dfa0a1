import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf, RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

const limitBytes = 4_096;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_BODY_LIMIT_BYTES: String(limitBytes) });
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

const head = (headers: string, authorization = `Authorization: Bearer ${token}\r\n`) =>
  `POST /api/ml HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\n${headers}\r\n\r\n`;
const chunksOf = (body: string, bytes: number) => {
  const chunks = body.match(new RegExp(`.{1,${bytes}}`, 'g')) ?? [];
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
};
/** Valid JSON of exactly this many bytes that is not a row. */
const jsonOf = (bytes: number) => `["${'a'.repeat(bytes - 4)}"]`;
const live = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n';

describe('POST /api/ml: body size limit', () => {
  test.each([
    ['with a length', (body: string) => head(`Content-Length: ${body.length}`) + body],
    ['in one chunk', (body: string) => head('Transfer-Encoding: chunked') + chunksOf(body, 1_000_000)],
    ['in chunks of 7 bytes', (body: string) => head('Transfer-Encoding: chunked') + chunksOf(body, 7)],
  ])('400 and 413: %s, a body at the limit is read, and one byte more is refused', async (_name, request) => {
    const [atLimit, over] = [jsonOf(limitBytes), jsonOf(limitBytes + 1)];

    const read = await exchange(service.port, request(atLimit), { answers: 1 });
    const refused = await exchange(service.port, request(over), { answers: 1 });

    expect(read.answers[0]?.status).toBe(400);
    expect(refused.answers[0]?.status).toBe(413);
    expect(JSON.parse(refused.answers[0]?.body ?? '')).toMatchObject({ status: 413, code: 'body_too_large' });
    expect(refused.answers.flatMap(faultsOf)).toEqual([]);
  });

  test('413: a Content-Length over the limit is refused before the body is read', async () => {
    const { answers } = await exchange(service.port, head('Content-Length: 100000000'));

    expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([[413, 'close']]);
  });

  test('413: chunks over the limit are refused before the body ends', async () => {
    const endless = `${head('Transfer-Encoding: chunked')}1388\r\n${'['.repeat(5_000)}\r\n`;

    const { answers } = await exchange(service.port, endless);

    expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([[413, 'close']]);
  });

  test('413, then 200: the rest of the body is discarded, and the next request is served', async () => {
    const body = live.repeat(2_000);

    const { answers } = await exchange(service.port, head(`Content-Length: ${body.length}`) + body + live, {
      answers: 2,
    });

    expect(answers.map(({ status }) => status)).toEqual([413, 200]);
  });

  test('401, then 200: without a token the body is discarded unread', async () => {
    const body = live.repeat(2_000);

    const { answers } = await exchange(service.port, head(`Content-Length: ${body.length}`, '') + body + live, {
      answers: 2,
    });

    expect(answers.map(({ status }) => status)).toEqual([401, 200]);
  });
});

describe('Expect: 100-continue', () => {
  const expecting = (bytes: number) => `Expect: 100-Continue\r\nContent-Length: ${bytes}`;

  test('100, then 400: the body is requested once the headers are accepted', async () => {
    const connection = new RawConnection(service.port).send(head(expecting(7)));
    const before = await connection.until(1);

    const { answers } = await connection.send('[[1,2]]').until(2);
    connection.close();

    expect(before.answers.map(({ status }) => status)).toEqual([100]);
    expect(answers.map(({ status }) => status)).toEqual([100, 400]);
  });

  test.each([
    ['401: no token', () => head(expecting(7), ''), 401],
    ['413: a body over the limit', () => head(expecting(limitBytes + 1)), 413],
    ['404: an unknown path', () => head(expecting(7)).replace('/api/ml', '/api/none'), 404],
    ['405: a wrong method', () => head(expecting(7)).replace('/api/ml', '/api/liveness'), 405],
    ['415: another media type', () => head(expecting(7)).replace('json', 'xml'), 415],
  ])('%s: the body is not requested, and the connection closes', async (_name, request, status) => {
    const { answers } = await exchange(service.port, request());

    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(answers.flatMap(faultsOf)).toEqual([]);
  });

  test('an HTTP/1.0 client is never told to continue', async () => {
    const request = head('Expect: 100-continue\r\nContent-Length: 7').replace('HTTP/1.1', 'HTTP/1.0');

    const { answers } = await exchange(service.port, `${request}[[1,2]]`);

    expect(answers.map(({ status }) => status)).toEqual([400]);
  });

  test('503: unfinished bodies over the quota of one client, 32 bodies; others are served, and so is it afterwards', async () => {
    const other = (await service.newClient()).tokens.access_token;
    const small = head(`Content-Length: ${limitBytes}`);
    const whole = small + jsonOf(limitBytes);
    const open = Array.from({ length: 40 }, () =>
      new RawConnection(service.port).send(small + '['.repeat(limitBytes - 1)),
    );
    const refused = await Promise.race(open.map((connection) => connection.until(1)));

    expect(refused.answers.map(({ status, headers }) => [status, headers['retry-after']])).toEqual([[503, '1']]);
    expect(refused.answers.flatMap(faultsOf)).toEqual([]);
    const ofOther = head(`Content-Length: ${limitBytes}`, `Authorization: Bearer ${other}\r\n`) + jsonOf(limitBytes);
    expect((await exchange(service.port, ofOther, { answers: 1 })).answers[0]?.status).toBe(400);

    for (const connection of open) connection.close();
    const status = async () => (await exchange(service.port, whole, { answers: 1 })).answers[0]?.status;
    for (let tries = 0; tries < 200 && (await status()) === 503; tries += 1);
    expect(await status()).toBe(400);
  });
});
