import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { hasProgram, siteName } from '../../support/nginx.ts';
import { startProxied, type ProxiedService } from '../../support/proxied-service.ts';

// Case 70. The service speaks only HTTP/1.1: HTTP/2 ends at nginx, so this tests the shipped site.
const canRun = ['nginx', 'openssl'].every((program) => hasProgram(program, 'attacks by HTTP/2'));
const describeWithNginx = canRun ? describe : describe.skip;

const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 };
const endStream = 1;
const endHeaders = 4;

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541: a string without Huffman coding, and a field that is not indexed, or is (`first` 0x40). */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}
const field = (name: string, value: string, first = 0) =>
  Buffer.concat([Buffer.from([first]), text(name), text(value)]);
const request = (path = '/api/liveness', authority = siteName) =>
  Buffer.concat([
    field(':method', 'GET'),
    field(':scheme', 'https'),
    field(':path', path),
    field(':authority', authority),
  ]);

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The status at the start of a header block, as nginx writes it. */
function statusOf(block: Buffer): number {
  // An update of the dynamic table size may come first.
  const at = (block[0] ?? 0) >> 5 === 1 ? 1 : 0;
  const indexed = { 0x88: 200, 0x8c: 400, 0x8d: 404 }[block[at] ?? 0];
  return indexed ?? Number(block.toString('latin1', at + 2, at + 5));
}

/** A connection that has sent the preface and empty settings, and counts the frames it receives. */
class RawHttp2 {
  readonly socket: TLSSocket;
  readonly ended: Promise<unknown>;
  #bytes = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    this.ended = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(socket: TLSSocket, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2> {
    const connection = new RawHttp2(socket);
    await once(socket, 'secureConnect');
    await connection.send(preface, frame(types.settings, 0, 0, settings));
    return connection;
  }

  /** Resolves when the system has taken the bytes, or the peer has closed. */
  async send(...frames: Buffer[]): Promise<void> {
    if (this.socket.destroyed) return;
    const written = new Promise<void>((resolve) => this.socket.write(Buffer.concat(frames), () => resolve()));
    await Promise.race([written, this.ended]);
  }

  /** Counts of received frame types, the error codes of GOAWAY frames, and the last status or 0. */
  received(): { counts: Record<number, number>; goAways: number[]; status: number } {
    const counts: Record<number, number> = {};
    const goAways: number[] = [];
    let status = 0;
    for (let at = 0; at + 9 <= this.#bytes.length; at += 9 + this.#bytes.readUIntBE(at, 3)) {
      const type = this.#bytes.readUInt8(at + 3);
      counts[type] = (counts[type] ?? 0) + 1;
      if (type === types.headers) status = statusOf(this.#bytes.subarray(at + 9));
      if (type === types.goAway && at + 17 <= this.#bytes.length) goAways.push(this.#bytes.readUInt32BE(at + 13));
    }
    return { counts, goAways, status };
  }
}

describeWithNginx('HTTP/2', () => {
  let proxied: ProxiedService;
  let requests = 0;
  beforeAll(async () => {
    // The timeouts as shipped, scaled down; attacks and checks come from one address.
    proxied = await startProxied({}, (site) =>
      site
        .replaceAll('burst=400', 'burst=100000')
        .replaceAll('client_header_timeout 10s', 'client_header_timeout 1s')
        .replaceAll('keepalive_timeout 30s', 'keepalive_timeout 1s')
        .replaceAll('send_timeout 10s', 'send_timeout 1s'),
    );
  });
  afterAll(() => proxied.close());
  afterEach(async () => {
    // The next request is served.
    const { status } = await ask({});
    expect(status).toBe(200);
    requests += 1;
  });

  const open = (settings?: Buffer) => RawHttp2.open(proxied.nginx.connect({ protocols: ['h2'] }), settings);

  /** A request of a well-behaved client with other headers; the status, or the error that ended it. */
  async function ask(headers: OutgoingHttpHeaders): Promise<{ status: number | string }> {
    const session = connectHttp2(`https://${siteName}:${proxied.nginx.httpsPort}`, {
      createConnection: () => proxied.nginx.connect({ protocols: ['h2'] }),
      strictFieldWhitespaceValidation: false,
    } as object);
    session.on('error', () => undefined);
    try {
      const stream = session.request({ ':path': '/api/liveness', ':authority': siteName, ...headers });
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return { status: Number(answer[':status']) };
    } catch (error) {
      return { status: (error as NodeJS.ErrnoException).code ?? 'error' };
    } finally {
      session.destroy();
    }
  }

  const logged = () => proxied.nginx.accessLog().split('\n').length - 1;

  test('rapid reset: the connection ends at its limit of requests', async () => {
    const connection = await open();
    const before = logged();
    for (let stream = 1; stream < 20_000 && !connection.socket.destroyed; stream += 2) {
      await connection.send(
        frame(types.headers, endHeaders | endStream, stream, request()),
        frame(types.reset, 0, stream, Buffer.from([0, 0, 0, 8])),
      );
    }
    await connection.ended;
    expect(logged() - before).toBeLessThanOrEqual(1_001);
  });

  test('more concurrent streams than allowed are refused one by one', async () => {
    const connection = await open();
    // Unfinished bodies keep the streams open.
    const open100 = Array.from({ length: 100 }, (_, at) => {
      const head = Buffer.concat([
        field(':method', 'POST'),
        request('/api/ml').subarray(field(':method', 'GET').length),
      ]);
      return frame(types.headers, endHeaders, 2 * at + 1, Buffer.concat([head, field('content-length', '9')]));
    });
    await connection.send(...open100);
    while ((connection.received().counts[types.reset] ?? 0) < 36) await once(connection.socket, 'data');
    connection.socket.destroy();
  });

  test('a flood of CONTINUATION frames ends at the header limit', async () => {
    const connection = await open();
    await connection.send(frame(types.headers, endStream, 1, request()));
    const more = frame(types.continuation, 0, 1, field('x', 'a'.repeat(8_000)));
    let sent = 0;
    for (; sent < 2_000 && !connection.socket.destroyed && connection.received().goAways.length === 0; sent += 1) {
      await connection.send(more);
    }
    expect(sent).toBeLessThan(2_000);
    connection.socket.destroy();
  });

  test('an HPACK bomb, 4 kB referenced thousands of times, is refused', async () => {
    const connection = await open();
    const block = Buffer.concat([request(), field('x', 'a'.repeat(4_000), 0x40), Buffer.alloc(12_000, 0x80 | 62)]);
    await connection.send(frame(types.headers, endHeaders | endStream, 1, block));
    const { status } = await settled(connection);
    expect([0, 400, 431]).toContain(status);
    connection.socket.destroy();
  });

  test.each([
    ['SETTINGS', frame(types.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100]))],
    ['PING', frame(types.ping, 0, 0, Buffer.alloc(8))],
    ['empty DATA on no stream', frame(types.data, 0, 1)],
    ['WINDOW_UPDATE of 0', frame(types.windowUpdate, 0, 0, Buffer.alloc(4))],
  ])('a flood of %s from a client that does not read: others are served', async (_name, flood) => {
    const connection = await open();
    connection.socket.pause();
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => flood));
    for (let sent = 0; sent < 50 && !connection.socket.destroyed; sent += 1) {
      await Promise.race([connection.send(many), ask({}).then(({ status }) => expect(status).toBe(200))]);
    }
    connection.socket.destroy();
  });

  test('a window of one byte: the response is cut off at the timeout', async () => {
    // SETTINGS_INITIAL_WINDOW_SIZE 1.
    const connection = await open(Buffer.from([0, 4, 0, 0, 0, 1]));
    await connection.send(frame(types.headers, endHeaders | endStream, 1, request('/api/openapi.json')));
    while (connection.received().counts[types.reset] === undefined) await once(connection.socket, 'data');
    connection.socket.destroy();
  });

  test.each([
    ['headers that no CONTINUATION ends', () => frame(types.headers, endStream, 1, request())],
    ['a frame that breaks off', () => frame(types.headers, endStream, 1, request()).subarray(0, 20)],
    ['nothing', () => Buffer.alloc(0)],
  ])('%s: the connection ends at the timeouts', async (_name, bytes) => {
    const connection = await open();
    await connection.send(bytes());
    await connection.ended;
  });

  // 0: no response, and the stream is reset or the connection ends. 200: nginx drops headers that HTTP/2 forbids.
  test.each<[string, Buffer, number]>([
    ['a :path without a slash', request('api/liveness'), 400],
    ['a :path to climb with', request('/api/../api/ml'), 400],
    ['an absolute :path', request(`https://${siteName}/api/liveness`), 400],
    ['another :authority', request('/api/liveness', 'other.example'), 421],
    ['a Host that is not the :authority', Buffer.concat([request(), field('host', 'other.example')]), 400],
    ['a connection field', Buffer.concat([request(), field('connection', 'close')]), 200],
    ['a transfer coding', Buffer.concat([request(), field('transfer-encoding', 'chunked')]), 200],
    ['CR LF in a field', Buffer.concat([request(), field('x', 'a\r\nAuthorization: Bearer x')]), 0],
    ['NUL in a field', Buffer.concat([request(), field('x', 'a\0b')]), 0],
    ['a name in capitals', Buffer.concat([request(), field('Authorization', 'Bearer x')]), 0],
    ['CR LF in the :path', request('/api/liveness HTTP/1.1\r\nX: '), 0],
    ['two :path', Buffer.concat([request(), field(':path', '/api/ml')]), 400],
    ['an unknown pseudo header', Buffer.concat([request(), field(':x', 'a')]), 400],
    ['CONNECT', Buffer.concat([field(':method', 'CONNECT'), field(':authority', 'a:443')]), 400],
  ])('%s', async (_name, block, expected) => {
    const connection = await open();
    await connection.send(frame(types.headers, endHeaders | endStream, 1, block));
    const { status } = await settled(connection);
    expect(status).toBe(expected);
    connection.socket.destroy();
  });

  /** Waits for the first response, reset or GOAWAY, and returns everything received. */
  async function settled(connection: RawHttp2) {
    for (;;) {
      const received = connection.received();
      const { counts, goAways } = received;
      if ((counts[types.headers] ?? 0) + (counts[types.reset] ?? 0) + goAways.length > 0) return received;
      if (connection.socket.destroyed) return received;
      await Promise.race([once(connection.socket, 'data'), connection.ended]);
    }
  }

  test('the next request was served after each attack', () => expect(requests).toBeGreaterThan(10));
});
