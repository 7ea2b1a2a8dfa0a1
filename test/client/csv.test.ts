import { createReadStream, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '../../mlapi/client/client.ts';
import { startService, type TestService } from '../support/service.ts';
import { clientOf, failureOf, madeUp, startDouble, until } from './double.ts';

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService({ MLAPI_BODY_LIMIT_BYTES: '4194304' });
  ({ client } = await clientOf(service));
});
afterAll(async () => {
  client.close();
  await service.close();
});

const model = 'nsl-kdd-classifier';
const file = 'files/requests/three-rows.csv';
const [header = '', ...three] = readFileSync(file, 'utf8').trimEnd().split('\n');
const count = 10_000;

/** Generates rows one at a time. */
async function* table(onRow: (row: number) => void = () => undefined): AsyncGenerator<string> {
  yield `${header}\n`;
  for (let row = 0; row < count; row += 1) {
    onRow(row);
    yield `${three[row % 3]}\n`;
    if (row % 1_000 === 0) await Promise.resolve();
  }
}

describe('predictCsv', () => {
  test('200: sends text, bytes, streams and functions that open one; the response is read as text or row by row', async () => {
    const bytes = readFileSync(file);
    for (const source of [bytes.toString(), bytes, createReadStream(file), [bytes], () => createReadStream(file)]) {
      const answer = await client.predictCsv(model, source, { version: '1' });
      expect(await text(answer)).toBe('prediction\r\ndos\r\nnormal\r\nprobe\r\n');
    }
    const rows: Readonly<Record<string, string>>[] = [];
    for await (const row of (await client.predictCsv(model, bytes, { scores: true })).rows()) rows.push(row);
    expect(rows.map(({ prediction }) => prediction)).toEqual(['dos', 'normal', 'probe']);
    expect(Number(rows[0]!.score_dos)).toBeGreaterThan(0.5);
  });

  test('200: sends and receives 10,000 rows', async () => {
    const expected = ['dos', 'normal', 'probe'];
    let at = 0;
    for await (const { prediction } of (await client.predictCsv(model, table())).rows()) {
      if (prediction !== expected[at % 3]) throw new Error(`row ${at} is ${prediction}`);
      at += 1;
    }
    expect(at).toBe(count);
  });

  test('401: a stream that can be opened only once is not started until the service accepts the token', async () => {
    const { tokens } = await service.newClient();
    const other = new Client({ url: service.url, tokens });
    service.clock.advanceSeconds(901);
    let rows = 0;
    const answer = await other.predictCsv(
      model,
      table(() => (rows += 1)),
    );
    expect((await text(answer)).split('\r\n').length).toBe(count + 2);
    expect(rows).toBe(count);
    other.close();
  });

  test('400: an error in the middle ends the source', async () => {
    let rows = 0;
    let isClosed = false;
    const endless = async function* () {
      try {
        yield `${header}\nx${three[0]}\n`;
        for (;;) {
          rows += 1;
          yield `${three[0]}\n`;
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        isClosed = true;
      }
    };
    expect(await failureOf(client.predictCsv(model, endless()))).toMatchObject({ status: expect.any(Number) });
    const sent = rows;
    await until(() => isClosed);
    expect(rows).toBeLessThanOrEqual(sent + 1);
  });

  test('400: source and connection end even if the service keeps reading', async () => {
    let isClosed = false;
    const greedy = await startDouble((request, response) => {
      request.resume().once('data', () => response.writeHead(400, { 'content-length': 2 }).end('{}'));
      request.socket.on('close', () => (isClosed = true));
    });
    const other = new Client({ url: greedy.url, tokens: madeUp });
    let isEnded = false;
    const endless = async function* () {
      try {
        for (;;) {
          yield 'a\n';
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        isEnded = true;
      }
    };
    expect(await failureOf(other.predictCsv('m', endless()))).toMatchObject({ status: 400 });
    await until(() => isEnded && isClosed);
    other.close();
    await greedy.close();
  });

  test('200: a slow reader may pause for longer than the service’s idle timeout', async () => {
    // More than the socket buffers hold.
    const bytes = 33_554_432;
    const double = await startDouble((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.end(Buffer.alloc(bytes, 'a'));
    });
    const other = new Client({ url: double.url, tokens: madeUp });
    const timeoutMs = 2_000;
    let length = 0;
    for await (const part of await other.predictCsv('m', 'a\n1\n', { timeoutMs })) {
      if (length === 0) await new Promise((resolve) => setTimeout(resolve, timeoutMs + 500));
      length += part.length;
    }
    expect(length).toBe(bytes);
    other.close();
    await double.close();
  });

  test('an error of the source is thrown, and the request is aborted', async () => {
    const broken = async function* () {
      yield header;
      await Promise.resolve();
      throw new RangeError('no more rows');
    };
    await expect(client.predictCsv(model, broken())).rejects.toThrow(new RangeError('no more rows'));
    await expect(client.predictCsv(model, createReadStream('no-such-file'))).rejects.toThrow('ENOENT');
  });

  test('backpressure: the source waits for the service, and the service for the reader', async () => {
    const chunk = Buffer.alloc(65_536, 'a');
    const many = 2_000;
    let [pulled, written] = [0, 0];
    let open: () => void = () => undefined;
    const isOpen = new Promise<void>((resolve) => (open = resolve));
    const slow = await startDouble(async (request, response) => {
      await isOpen;
      for await (const _ of request);
      response.writeHead(200, { 'content-type': 'text/csv' });
      const answer = function* () {
        for (; written < many; written += 1) yield chunk;
      };
      Readable.from(answer()).pipe(response);
    });
    const impatient = new Client({ url: slow.url, tokens: madeUp });
    const source = function* () {
      for (; pulled < many; pulled += 1) yield chunk;
    };
    const asked = impatient.predictCsv('m', source());
    const [sent] = await settled(() => pulled);
    // The socket buffers of both sides hold some megabytes.
    expect(sent).toBeLessThan(many / 2);
    open();
    const answer = await asked;
    const [came] = await settled(() => written);
    expect(came).toBeLessThan(many / 2);
    let bytes = 0;
    for await (const part of answer) bytes += part.length;
    expect([pulled, written, bytes]).toEqual([many, many, many * chunk.length]);
    impatient.close();
    await slow.close();
  });

  test('a reader that stops early closes the connection', async () => {
    let closed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const double = await startDouble((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.on('close', closed);
      response.write('prediction\r\n1\r\n');
    });
    const other = new Client({ url: double.url, tokens: madeUp });
    for await (const part of await other.predictCsv('m', 'a\n1\n')) {
      expect(part).toContain('prediction');
      break;
    }
    await isClosed;
    other.close();
    await double.close();
  });
});

/** Waits until a number has not changed for a tenth of a second. */
async function settled(read: () => number): Promise<[number]> {
  for (let last = -1; ;) {
    const now = read();
    if (now === last) return [now];
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
