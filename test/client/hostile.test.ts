import { once } from 'node:events';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Client, type ClientOptions } from '../../mlapi/client/client.ts';
import { failureOf, json, madeUp, madeUpResponse, startDouble, type Double } from './double.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function against(
  handler: Parameters<typeof startDouble>[0],
  options: Partial<ClientOptions> = {},
): Promise<{ client: Client; double: Double }> {
  const double = await startDouble(handler);
  const client = new Client({ url: double.url, tokens: madeUp, ...options });
  closers.push(double.close, () => client.close());
  return { client, double };
}

/** Writes until the connection is closed. @returns the number of bytes written */
async function floods(response: Parameters<Parameters<typeof startDouble>[0]>[1]): Promise<number> {
  const chunk = Buffer.alloc(65_536, ' ');
  let bytes = 0;
  for (; !response.destroyed; bytes += chunk.length)
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  return bytes;
}

describe('a malicious or broken server', () => {
  test.each([301, 302, 303, 307, 308])(
    '%i: no redirect is followed, and the token is sent nowhere else',
    async (status) => {
      const thief = await against(json(200, { client: 'thief' }));
      const { client } = await against((_request, response) =>
        response.writeHead(status, { location: `${thief.double.url}/auth/session` }).end(),
      );
      expect(await failureOf(client.session())).toMatchObject({ status, code: 'redirected' });
      expect(thief.double.seen).toEqual([]);
    },
  );

  test('502: a proxy’s error page is an error without the page’s text', async () => {
    const { client } = await against((_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html><script>alert(1)</script></html>'),
    );
    const error = await failureOf(client.session());
    expect(error).toMatchObject({ status: 502, code: 'http_502', errors: [], requestId: undefined });
    expect(inspect(error)).not.toContain('script');
  });

  test('an endless error response is read up to 64 KiB, an endless success up to 64 MiB', async () => {
    const written: Promise<number>[] = [];
    for (const status of [400, 200]) {
      const { client } = await against((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        written.push(floods(response));
      });
      const expected = status === 400 ? { status, code: 'http_400' } : { status, code: 'invalid_answer' };
      expect(await failureOf(client.session())).toMatchObject(expected);
    }
    const [refusal = 0, answer = 0] = await Promise.all(written);
    // Includes what the socket buffers hold.
    expect(refusal).toBeLessThan(20_000_000);
    expect(answer).toBeLessThan(100_000_000);
  });

  test('oversized response headers are a lost connection', async () => {
    const { client } = await against(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(100)}\r\n`);
    });
    expect(await failureOf(client.models.get('m'))).toMatchObject({
      code: 'connection_lost',
    });
  });

  test.each(['', 'null', '[]', '"a"', '{', '{"predictions":{}}', '{"predictions"'])(
    'invalid_answer: the body %j for a prediction',
    async (body) => {
      const { client, double } = await against(json(200, body));
      expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ code: 'invalid_answer', status: 200 });
      expect(double.seen.length).toBe(1);
    },
  );

  test('invalid_answer: too few or too many predictions', async () => {
    const { client } = await against(json(200, { predictions: [1, 2] }));
    expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ code: 'invalid_answer' });
    expect(await failureOf(client.predict('m', { a: 1 }))).toMatchObject({ code: 'invalid_answer' });
    expect((await client.predict('m', [[1], [2]])).predictions).toEqual([1, 2]);
  });

  test('tokens_lost: a token that does not fit a header, or a truncated response; the error does not quote it', async () => {
    const secret = 'token-that-nobody-may-see';
    for (const body of [{ ...madeUpResponse, access_token: `${secret}\r\nx: y` }, `{"access_token":"${secret}`]) {
      const { client } = await against(json(200, body), { tokens: { refresh_token: 'a' } });
      const error = await failureOf(client.session());
      expect(error).toMatchObject({ code: 'tokens_lost' });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(secret);
    }
  });

  test('error texts contain no terminal control characters', async () => {
    const said = '\u001b]0;owned\u0007\u001b[2J\r\n\u202egood';
    const { client } = await against(
      json(400, { code: said, detail: said.repeat(1_000), errors: [{ pointer: said, detail: said }, 1, null, {}] }),
    );
    const error = await failureOf(client.session());
    const all = [error.message, error.code, error.detail, error.errors[0]?.pointer, error.errors[0]?.detail];
    expect(all.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(error.errors.length).toBe(1);
    expect(error.message.length).toBeLessThan(1_200);
  });

  test('a paged list that repeats itself ends with an error', async () => {
    const { client, double } = await against(json(200, { models: [{ name: 'a' }], next: 'a' }));
    const walk = async () => {
      for await (const { name } of client.models.list()) expect(name).toBe('a');
    };
    expect(await failureOf(walk())).toMatchObject({ code: 'invalid_answer' });
    expect(double.seen).toEqual(['GET /api/models', 'GET /api/models?after=a']);
  });

  test('CSV that is cut off is an error after the rows received; CSV that is not UTF-8 is an error', async () => {
    const bodies = [Buffer.from('prediction\r\n1\r\n'), Buffer.from([0x61, 0xff])];
    const codes = ['connection_lost', 'invalid_answer'];
    for (const [at, body] of bodies.entries()) {
      const { client } = await against((request, response) => {
        request.resume();
        response.writeHead(200, { 'content-type': 'text/csv' });
        response.write(body, () => (at === 0 ? setImmediate(() => response.destroy()) : response.end()));
      });
      const rows: unknown[] = [];
      const read = async () => {
        for await (const row of (await client.predictCsv('m', 'a\n1\n')).rows()) rows.push(row);
      };
      expect(await failureOf(read())).toMatchObject({ code: codes[at] });
    }
  });

  test('JSON in place of the requested CSV is an error', async () => {
    const { client } = await against((request, response) => json(200, {})(request, response));
    expect(await failureOf(client.predictCsv('m', 'a\n1\n'))).toMatchObject({ code: 'invalid_answer' });
  });
});
