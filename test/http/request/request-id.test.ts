import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function idOf(headers: string): Promise<string | undefined> {
  const request = `GET /api/none HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
  const { answers } = await exchange(service.port, request, { answers: 1 });
  const { headers: answered, body } = answers[0]!;
  expect(answered['x-request-id']).toBe((JSON.parse(body) as { request_id: string }).request_id);
  return answered['x-request-id'];
}

describe('X-Request-Id', () => {
  test.each(['abcdefgh', 'a'.repeat(64), '3f2504e0-4f89-41d3-9a0c-0305e82c3301'])(
    'a well-formed id of the client is kept: %s',
    async (id) => {
      expect(await idOf(`X-Request-Id: ${id}\r\n`)).toBe(id);
    },
  );

  test.each([
    ['none', ''],
    ['an empty one', 'X-Request-Id:\r\n'],
    ['a short one', 'X-Request-Id: abcdefg\r\n'],
    ['a long one', `X-Request-Id: ${'a'.repeat(65)}\r\n`],
    ['10 kB', `X-Request-Id: ${'a'.repeat(10_000)}\r\n`],
    ['two', 'X-Request-Id: abcdefgh\r\nX-Request-Id: abcdefgh\r\n'],
    ['blanks', 'X-Request-Id: abcdefgh ijk\r\n'],
    ['markup', 'X-Request-Id: <script>alert</script>\r\n'],
    ['escapes of a terminal', 'X-Request-Id: \x1b[31mabcdefgh\r\n'],
    ['an escaped line end', 'X-Request-Id: abcdefgh%0d%0aSet-Cookie: a\r\n'],
    ['Latin-1', 'X-Request-Id: abcdefgh\xe9\r\n'],
  ])('%s is replaced by a UUID', async (_name, headers) => {
    expect(await idOf(headers)).toMatch(uuid);
  });

  test('two requests never share a generated id', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => idOf('')));

    expect(new Set(ids).size).toBe(50);
  });
});
