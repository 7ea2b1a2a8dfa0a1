import { afterEach, expect, test } from '@jest/globals';
import { RawConnection } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

const bodies = 20;
const { parse } = JSON;
let service: TestService;
afterEach(async () => {
  JSON.parse = parse;
  await service.close();
});

test('413: of large bodies that end together, each turn of the event loop parses one', async () => {
  service = await startService();
  const { tokens } = await service.newClient();
  const body = `[${'0,'.repeat(50_000)}0]`;
  const head = `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokens.access_token}\r\n`;
  const request = `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const connections = Array.from({ length: bodies }, () => new RawConnection(service.port));
  let turn = 0;
  let isOver = false;
  const countTurns = () => {
    turn += 1;
    if (!isOver) setImmediate(countTurns);
  };
  countTurns();
  const turns: number[] = [];
  JSON.parse = (text: string) => {
    if (text.length === body.length) turns.push(turn);
    return parse(text) as unknown;
  };

  // All but the last byte of each, then all last bytes at once.
  for (const connection of connections) connection.send(request.slice(0, -1));
  await service.http.get('/api/liveness').expect(200);
  for (const connection of connections) connection.send(']');
  const all = await Promise.all(connections.map((connection) => connection.until(1)));
  isOver = true;

  expect(all.map(({ answers }) => answers[0]?.status)).toEqual(Array(bodies).fill(413));
  expect(new Set(turns).size).toBe(bodies);
  for (const connection of connections) connection.close();
});
