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

/** Writes until the connection is closed. @returns once it is, with what was written */
async function floods(response: Parameters<Parameters<typeof startDouble>[0]>[1]): Promise<number> {
  const chunk = Buffer.alloc(65_536, ' ');
  let bytes = 0;
  for (; !response.destroyed; bytes += chunk.length)
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  return bytes;
}

describe('a service that is none', () => {
  test.each([301, 302, 303, 307, 308])(
    '%i: no redirect is followed, and the token goes nowhere else',
    async (status) => {
      const thief = await against(json(200, { client: 'thief' }));
      const { client } = await against((_request, response) =>
        response.writeHead(status, { location: `${thief.double.url}/auth/session` }).end(),
      );
      expect(await failureOf(client.session())).toMatchObject({ status, code: 'redirected' });
      expect(thief.double.seen).toEqual([]);
    },
  );

  test('502: a proxy’s page is an error like any other, and the page is not in it', async () => {
    const { client } = await against((_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html><script>alert(1)</script></html>'),
    );
    const error = await failureOf(client.session());
    expect(error).toMatchObject({ status: 502, code: 'http_502', errors: [], requestId: undefined });
    expect(inspect(error)).not.toContain('script');
  });

  test('a refusal without an end is read no further than 64 KiB, and an answer no further than 64 MiB', async () => {
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
    // What the sockets hold is written, too.
    expect(refusal).toBeLessThan(20_000_000);
    expect(answer).toBeLessThan(100_000_000);
  });

  test('headers without an end', async () => {
    const { client } = await against(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(100)}\r\n`);
    });
    expect(await failureOf(client.models.get('m'))).toMatchObject({
      code: 'connection_lost',
    });
  });

  test.each(['', 'null', '[]', '"a"', '{', '{"predictions":{}}', '{"predictions"'])(
    'the answer %j to a prediction is none',
    async (body) => {
      const { client, double } = await against(json(200, body));
      expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ code: 'invalid_answer', status: 200 });
      expect(double.seen.length).toBe(1);
    },
  );

  test('too few or too many predictions are no answer', async () => {
    const { client } = await against(json(200, { predictions: [1, 2] }));
    expect(await failureOf(client.predict('m', [[1]]))).toMatchObject({ code: 'invalid_answer' });
    expect(await failureOf(client.predict('m', { a: 1 }))).toMatchObject({ code: 'invalid_answer' });
    expect((await client.predict('m', [[1], [2]])).predictions).toEqual([1, 2]);
  });

  test('tokens that a header cannot hold, or that broke off, are none; and the error does not quote them', async () => {
    const secret = 'token-that-nobody-may-see';
    for (const body of [{ ...madeUpResponse, access_token: `${secret}\r\nx: y` }, `{"access_token":"${secret}`]) {
      const { client } = await against(json(200, body), { tokens: { refresh_token: 'a' } });
      const error = await failureOf(client.session());
      expect(error).toMatchObject({ code: 'tokens_lost' });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(secret);
    }
  });

  test('what it says cannot write on a terminal', async () => {
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

  test('a list that goes round in circles ends', async () => {
    const { client, double } = await against(json(200, { models: [{ name: 'a' }], next: 'a' }));
    const walk = async () => {
      for await (const { name } of client.models.list()) expect(name).toBe('a');
    };
    expect(await failureOf(walk())).toMatchObject({ code: 'invalid_answer' });
    expect(double.seen).toEqual(['GET /api/models', 'GET /api/models?after=a']);
  });

  test('CSV that breaks off is an error after the rows that came, and so is CSV that is not UTF-8', async () => {
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

  test('JSON where CSV was asked for is none', async () => {
    const { client } = await against((request, response) => json(200, {})(request, response));
    expect(await failureOf(client.predictCsv('m', 'a\n1\n'))).toMatchObject({ code: 'invalid_answer' });
  });
});
