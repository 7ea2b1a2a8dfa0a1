import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hasProgram, makeAuthority, siteName, startNginx, type Nginx } from '../../support/nginx.ts';
import { buildModel, constantOf } from '../../support/onnx-builder.ts';
import { startProxied, type ProxiedService } from '../../support/proxied-service.ts';
import { exchange, faultsOf, RawConnection, type RawResponse } from '../../support/raw-http.ts';
import { temporaryFolder } from '../../support/service.ts';
import { allScopes } from '../../support/ask.ts';

const canRun = ['nginx', 'openssl'].every((program) => hasProgram(program, 'the shipped site in a real nginx'));
const describeWithNginx = canRun ? describe : describe.skip;

const withoutServer = ({ headers, ...answer }: RawResponse): RawResponse => {
  const { server: _server, ...rest } = headers;
  return { ...answer, headers: rest };
};
async function ask(nginx: Nginx, request: string, options?: { servername: string }): Promise<RawResponse> {
  const { answers } = await exchange(() => nginx.connect(options), request, { answers: 1 });
  const answer = answers[0]!;
  expect(faultsOf({ ...withoutServer(answer), status: answer.status === 504 ? 503 : answer.status })).toEqual([]);
  return answer;
}
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: ${siteName}\r\n${headers}\r\n`;
const post = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: ${siteName}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

describeWithNginx('the shipped site', () => {
  let proxied: ProxiedService;
  let nginx: Nginx;
  beforeAll(async () => {
    proxied = await startProxied({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '5' });
    nginx = proxied.nginx;
  });
  afterAll(() => proxied.close());

  test('a TLS handshake for another name, or none, gets no certificate', async () => {
    for (const servername of ['other.example', '']) {
      const socket = nginx.connect({ servername });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      expect(error.message).toMatch(/unrecognized[ _]name/i);
    }
  });

  test('421: another Host on a connection for our name', async () => {
    const answer = await ask(nginx, get('/api/liveness').replace(siteName, 'other.example'));
    expect(answer.status).toBe(421);
    expect(answer.body).not.toContain('other.example');
  });

  test('http: no response for other names, 308 for browsers, 403 for programs', async () => {
    const plain = (request: string) => exchange(nginx.httpPort, request);
    expect((await plain('GET / HTTP/1.1\r\nHost: other.example\r\n\r\n')).answers).toEqual([]);
    const [docs] = (await plain(get('/api/docs'))).answers;
    expect([docs?.status, docs?.headers.location]).toEqual([308, `https://${siteName}/api/docs`]);
    const [refused] = (await plain(get('/api/ml', 'Authorization: Bearer x\r\n'))).answers;
    expect(refused).toMatchObject({ status: 403, headers: { 'content-type': 'application/problem+json' } });
    expect(faultsOf(withoutServer(refused!))).toEqual([]);
  });

  test('the service’s headers are passed on once each; nginx adds only its name, without a version', async () => {
    for (const path of ['/api/liveness', '/api/ml', '/nothing', '/auth/reset']) {
      const direct = await exchange(proxied.socket, get(path), { answers: 1 });
      const { headers } = await ask(nginx, get(path));
      const { server, date: _date, connection: _connection, ...rest } = headers;
      const { date: _other, connection: _its, 'keep-alive': _alive, ...expected } = direct.answers[0]!.headers;
      expect(server).toBe('nginx');
      const ids = {
        'x-request-id': expect.any(String),
        ...(expected['content-length'] && { 'content-length': expect.any(String) }),
        // The client has another address here.
        ...(expected['ratelimit-policy'] && { 'ratelimit-policy': expect.any(String) }),
      };
      expect(rest).toEqual({ ...expected, ...ids });
    }
  });

  test('errors of nginx have the shape and headers of the service’s', async () => {
    const large = await ask(nginx, post('/api/ml', 2_000_000));
    expect(large).toMatchObject({
      status: 413,
      headers: { 'strict-transport-security': 'max-age=63072000; includeSubDomains', 'cache-control': 'no-store' },
    });
    expect(JSON.parse(large.body)).toEqual({
      type: 'urn:mlapi:problem:body_too_large',
      title: 'Content Too Large',
      status: 413,
      detail: 'The body is too large.',
      code: 'body_too_large',
      request_id: large.headers['x-request-id'],
    });
    const onAuth = await ask(nginx, post('/auth/reset', 20_000));
    expect([onAuth.status, onAuth.headers['content-type']]).toEqual([413, 'application/json']);
    expect(Object.keys(JSON.parse(onAuth.body) as object)).toEqual(['error', 'error_description']);
    const long = await ask(nginx, get(`/${'a'.repeat(9_000)}`));
    expect([long.status, (JSON.parse(long.body) as { code: string }).code]).toEqual([414, 'target_too_long']);
    const headers = await ask(nginx, get('/', `X: ${'a'.repeat(9_000)}\r\n`));
    expect([headers.status, (JSON.parse(headers.body) as { code: string }).code]).toEqual([431, 'too_many_headers']);
    const trace = await ask(nginx, get('/').replace('GET', 'TRACE'));
    expect([trace.status, trace.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    const plainInTls = await exchange(nginx.httpsPort, get('/'));
    expect(plainInTls.answers.map(({ status }) => status)).toEqual([400]);
  });

  test('201, 401 and 413: a model may exceed the limit for other bodies, but not without a token', async () => {
    const { tokens } = await proxied.service.newClient('ada', allScopes);
    const model = largeModel(1_500_000);
    const put = (token: string, length = model.length) =>
      `PUT /api/models/large/versions/1 HTTP/1.1\r\nHost: ${siteName}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`;

    // Refused by its headers alone: nginx does not wait for the body.
    expect((await ask(nginx, put('x'))).status).toBe(401);
    const tooLarge = await ask(nginx, put(tokens.access_token, 100 * 1_048_576 + 1));
    expect([tooLarge.status, (JSON.parse(tooLarge.body) as { code: string }).code]).toEqual([413, 'body_too_large']);
    const elsewhere = put(tokens.access_token, 1_048_577)
      .replace('versions/1', 'versions/1/load')
      .replace('PUT', 'POST');
    expect((await ask(nginx, elsewhere)).status).toBe(413);
    const connection = new RawConnection(() => nginx.connect()).send(put(tokens.access_token)).send(model);
    const { answers } = await connection.until(1);
    connection.close();
    expect([answers[0]?.status, answers[0]?.headers.location]).toEqual([201, '/api/models/large/versions/1']);
  });

  test('429: forged addresses have no effect, since the service counts by the address that nginx sees', async () => {
    const forge = (at: number) =>
      get(
        '/auth/session',
        `X-Forwarded-For: 10.0.0.${at}\r\nX-Real-IP: 10.0.1.${at}\r\nForwarded: for=10.0.2.${at}\r\n`,
      );
    const statuses: number[] = [];
    for (let at = 0; at < 8; at += 1) statuses.push((await ask(nginx, forge(at))).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.slice(5)).toEqual([429, 429, 429]);
  });

  test('the access log has one JSON object per request, without query and token', async () => {
    const marked = get(
      '/api/ml?secret=CANARY',
      'Authorization: Bearer CANARY\r\nCookie: CANARY\r\nReferer: http://a/CANARY\r\n',
    );
    const { headers } = await ask(nginx, marked);
    let line: string | undefined;
    while (line === undefined) {
      line = nginx
        .accessLog()
        .split('\n')
        .find((text) => text.includes(headers['x-request-id']!));
      await delay(10);
    }
    expect(JSON.parse(line)).toMatchObject({ address: '127.0.0.1', method: 'GET', path: '/api/ml', status: 401 });
    expect(nginx.accessLog()).not.toContain('CANARY');
  });

  test('HTTP/2 works over TLS, and not in clear text', async () => {
    const session = connectHttp2(`https://${siteName}:${nginx.httpsPort}`, {
      createConnection: () => nginx.connect({ protocols: ['h2'] }),
    });
    const stream = session.request({ ':path': '/api/liveness' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(200);
    session.destroy();
    const upgrade = get(
      '/api/liveness',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
    );
    expect((await exchange(nginx.httpPort, upgrade)).answers.map(({ status }) => status)).toEqual([403]);
    expect((await ask(nginx, upgrade)).status).toBe(200);
  });
});

describeWithNginx('if the service fails', () => {
  let nginx: Nginx;
  let hanging: Server;
  const held = new Set<Socket>();
  beforeAll(async () => {
    const folder = temporaryFolder();
    hanging = createServer((socket) => held.add(socket)).listen(join(folder, 's'));
    await once(hanging, 'listening');
    nginx = await startNginx(join(folder, 's'), makeAuthority(), (site) =>
      site
        .replace('proxy_read_timeout 60s', 'proxy_read_timeout 1s')
        .replaceAll('client_header_timeout 10s', 'client_header_timeout 1s')
        .replaceAll(/client_body_timeout [13]0s/g, 'client_body_timeout 300ms'),
    );
  });
  afterAll(async () => {
    await nginx.close();
    hanging.close();
  });

  test('429: more concurrent requests than allowed for one address', async () => {
    const connections = Array.from({ length: 110 }, () => new RawConnection(() => nginx.connect()));
    await Promise.all(connections.map(({ socket }) => once(socket, 'secureConnect')));
    const exchanges = await Promise.all(connections.map((connection) => connection.send(get('/api/ml')).until(1)));
    for (const connection of connections) connection.close();
    const statuses = exchanges.map(({ answers }) => answers[0]?.status);
    expect(new Set(statuses)).toEqual(new Set([429, 504]));
  });

  test.each([
    ['slow headers', `GET / HTTP/1.1\r\nHost: ${siteName}\r\nX: `],
    ['a slow body', post('/api/ml', 1_000)],
  ])('%s, one byte at a time: ended by the timeout before anything reaches the service', async (what, start) => {
    const before = held.size;
    const connection = new RawConnection(() => nginx.connect()).send(start);
    const drip = setInterval(() => connection.send('a'), what === 'a slow body' ? 400 : 100);
    const { answers } = await connection.untilClosed().finally(() => clearInterval(drip));
    expect(answers.every(({ status }) => status === 408)).toBe(true);
    expect(held.size).toBe(before);
  });

  test('a slow upload is passed on as it arrives, and ended by the timeout', async () => {
    const before = held.size;
    const head = post('/api/models/slow/versions/1', 100_000).replace('POST', 'PUT');
    const connection = new RawConnection(() => nginx.connect()).send(head).send('the beginning');
    while (held.size === before) await delay(10);
    const upstream = [...held].at(-1)!;
    let received = '';
    upstream.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    while (!received.includes('the beginning')) await delay(10);

    // 300 ms in this test, 30 s as shipped.
    const [{ answers }] = await Promise.all([connection.untilClosed(), once(upstream, 'close')]);
    expect(answers.every(({ status }) => status === 408)).toBe(true);
  });

  test('504 if it hangs, then 503 if it is down, in the shape of the route, with Retry-After', async () => {
    for (const [path, type] of [
      ['/api/ml', 'application/problem+json'],
      ['/auth/session', 'application/json'],
    ] as const) {
      expect(await ask(nginx, get(path))).toMatchObject({
        status: 504,
        headers: { 'content-type': type, 'retry-after': '1' },
      });
    }
    const closed = once(hanging.close(), 'close');
    for (const socket of held) socket.destroy();
    await closed;
    for (const [path, code] of [
      ['/api/ml', 'temporarily_unavailable'],
      ['/auth/session', 'temporarily_unavailable'],
    ] as const) {
      const answer = await ask(nginx, get(path));
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
      expect(answer.body).toContain(code);
    }
  });

  test('429: more than the burst for one address', async () => {
    const flood = get('/api/liveness').repeat(700) + get('/api/liveness', 'Connection: close\r\n');
    const { answers } = await exchange(() => nginx.connect(), flood, { timeoutMs: 60_000 });
    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '1' });
  });
});

/** Takes one number; its weights have this many bytes. */
function largeModel(bytes: number): Buffer {
  const weights = constantOf(Array.from({ length: bytes / 4 }, () => 1));
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['w'], attributes: { value: weights } },
      { op: 'ReduceSum', inputs: ['w'], outputs: ['sum'] },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
}
