import { randomBytes, randomInt } from 'node:crypto';
import { connect } from 'node:net';
import type { Tokens } from '../../support/service.ts';
import { exchange, pause, steadily } from './exchange.ts';
import type { Tally } from './tally.ts';

interface HostileTraffic {
  readonly port: number;
  readonly tally: Tally;
  readonly end: AbortSignal;
  /** Tokens of a malicious client that may predict. */
  readonly tokens: Tokens;
  /** A spent token of an ended family. */
  readonly spentRefreshToken: string;
  /** Names of existing clients. */
  readonly names: readonly string[];
}

const pick = <T>(values: readonly T[]): T => values[randomInt(values.length)]!;
const anyAddress = () => `10.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`;
const json = { 'content-type': 'application/json' };

/** Requests that must always be refused. */
export const refusals: readonly number[] = [0, 400, 401, 403, 404, 405, 408, 413, 414, 415, 429, 431, 501, 503];

/** All attacks at once, by unauthenticated and malicious clients, each at its own steady rate. */
export async function runHostileTraffic(traffic: HostileTraffic): Promise<void> {
  const { port, tally, end, spentRefreshToken, names } = traffic;
  let { tokens } = traffic;
  const ask = async (
    what: string,
    asked: Omit<Parameters<typeof exchange>[0], 'port' | 'agent'>,
    address = anyAddress(),
  ) => {
    const headers = { ...asked.headers, 'x-forwarded-for': address };
    // A refusal may close the connection while the request is still being sent.
    const answer = await exchange({ ...asked, headers, port, agent: false }).catch(() => ({ status: 0 }));
    tally.hostile(what, answer.status);
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  /** An access token lives for 15 minutes; a malicious client may get a new one too. */
  const renew = async () => {
    const headers = { ...bearer(tokens.refresh_token), 'x-forwarded-for': '10.0.0.1' };
    const answer = await exchange({ port, agent: false, method: 'POST', path: '/auth/refresh', headers });
    tally.good('refresh', answer.status, answer.status === 200, answer.latencyMs);
    if (answer.status === 200) tokens = JSON.parse(answer.body) as Tokens;
  };
  const [header = '', claims = '', signature = ''] = tokens.access_token.split('.');
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  const badTokens = () => [
    'garbage',
    `${none}.${claims}.`,
    `${header}.${claims}.${randomBytes(256).toString('base64url')}`,
    `${header}.${Buffer.from('{"sub":"admin","exp":99999999999}').toString('base64url')}.${signature}`,
    'a'.repeat(8_000),
    spentRefreshToken,
  ];
  const badBodies = () => [
    '{',
    '[[1,2,3]]',
    '{"a":1,"a":2}',
    '['.repeat(10_000),
    '{"__proto__":{"polluted":true}}',
    JSON.stringify(Array.from({ length: 500 }, () => [null])),
    randomBytes(2_000),
    Buffer.alloc(1_100_000, 0x20),
  ];
  await Promise.all([
    steadily(1 / 300, end, renew),
    steadily(20, end, () =>
      ask('a bad token', {
        path: pick(['/auth/session', '/api/ml', '/api/models']),
        headers: bearer(pick(badTokens())),
      }),
    ),
    steadily(20, end, () =>
      ask('a bad body', {
        method: 'POST',
        path: '/api/ml',
        headers: { ...bearer(tokens.access_token), ...json },
        body: pick(badBodies()),
      }),
    ),
    steadily(1, end, () =>
      ask('a replay', { method: 'POST', path: '/auth/refresh', headers: bearer(spentRefreshToken) }),
    ),
    steadily(5, end, () =>
      ask('a wrong path or method', {
        method: pick(['GET', 'POST', 'DELETE', 'TRACE']),
        path: pick([
          '/.git/config',
          '/.env',
          '/../etc/passwd',
          '/api/%2e%2e/x',
          '/wp-login.php',
          `/${'a'.repeat(5_000)}`,
        ]),
      }),
    ),
    // Existing names, from many addresses: their owners must not be affected.
    steadily(4, end, () =>
      ask('a wrong password', {
        method: 'POST',
        path: '/auth/reset',
        headers: json,
        body: JSON.stringify({ username: pick(names), password: randomBytes(8).toString('hex') }),
      }),
    ),
    // One address that exceeds its limit again and again.
    steadily(0.5, end, async () => {
      const address = anyAddress();
      const body = '{"username":"nobody","password":"none"}';
      const flood = Array.from({ length: 60 }, () =>
        ask('a flood', { method: 'POST', path: '/auth/reset', headers: json, body }, address),
      );
      await Promise.all(flood);
    }),
    steadily(5, end, () => tearOff(traffic)),
    steadily(2, end, () => sendGarbage(traffic)),
    ...Array.from({ length: 10 }, () => steadily(0.1, end, () => dripSlowly(traffic))),
  ]);
}

/** A connection that ends during its request, or before its response is read. */
function tearOff({ port, tally, tokens }: HostileTraffic): Promise<void> {
  const whole = `POST /api/ml HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.access_token}\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n[`;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(pick([whole, whole.slice(0, 60), 'GET /api/liveness HTTP/1.1\r\nHost: x\r\n\r\n']), () => {
        if (randomInt(2) === 0) socket.resetAndDestroy();
        else socket.destroy();
      });
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      tally.hostile('a torn connection', 0);
      resolve();
    });
  });
}

function sendGarbage({ port, tally }: HostileTraffic): Promise<void> {
  return speak(port, (socket) => {
    socket.write(
      pick([randomBytes(500), Buffer.from('GET / HTTP/9.9\r\n\r\n'), Buffer.from('PRI * HTTP/2.0\r\n\r\n')]),
    );
    return Promise.resolve();
  }).then((status) => tally.hostile('garbage', status));
}

/** Sends one byte of a header per second, until the service disconnects. */
async function dripSlowly({ port, tally, end }: HostileTraffic): Promise<void> {
  const status = await speak(port, async (socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    while (!socket.destroyed && !end.aborted) {
      await pause(1_000, end);
      socket.write('a');
    }
    socket.destroy();
  });
  tally.hostile('a slow connection', status);
}

/** @returns the status, 0 for none */
function speak(port: number, say: (socket: ReturnType<typeof connect>) => Promise<void>): Promise<number> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => void say(socket));
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('data', (bytes) => (heard += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1] ?? 0)));
  });
}
