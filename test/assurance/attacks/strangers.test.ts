import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import proxyAddr from 'proxy-addr';
import { addressReader } from '../../../mlapi/http/request/client-address.ts';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

describe('unauthenticated requests cost little more than the shortest one', () => {
  test('only the nearest 16 addresses of X-Forwarded-For are parsed', () => {
    const read = addressReader({ trustProxy: 'loopback', socket: undefined });
    const requestFrom = (list: string) =>
      ({ headers: { 'x-forwarded-for': list }, socket: { remoteAddress: '127.0.0.1' } }) as unknown as IncomingMessage;
    const from = (list: string) => read(requestFrom(list));
    expect(from(`203.0.113.9,${'::1,'.repeat(14)}::1`)).toBe('203.0.113.9');
    expect(from(`203.0.113.9,${'::1,'.repeat(15)}::1`)).toBe('::1');
    expect(from(`203.0.113.9,${'::1, '.repeat(4_000)}198.51.100.7, ::1`)).toBe('198.51.100.7');
    // Short lists are handled by the library.
    const trust = proxyAddr.compile('loopback');
    for (const odd of ['', ',', ',,,', ',198.51.100.7', ' 198.51.100.7 ', '::1', '198.51.100.7,'])
      expect(from(odd)).toBe(proxyAddr(requestFrom(odd), trust));
  });

  test.each([
    ['a form', form, Array.from({ length: 2_000 }, (_, index) => `${index}=`).join('&')],
    ['JSON', json, JSON.stringify(Object.fromEntries(Array.from({ length: 1_400 }, (_, index) => [`k${index}`, 1])))],
  ])('400: %s with more fields than any route accepts is refused before validation', async (_name, headers, body) => {
    const { body: answer } = await service.http.post('/auth/reset').set(headers).send(body).expect(400);
    expect(answer).toEqual({
      error: 'invalid_request',
      error_description: 'The body has more than 64 fields. Send only those that this path accepts.',
    });
  });

  test('415: a media type longer than any known one', async () => {
    const type = `multipart/form-data; ${'a=b;'.repeat(3_000)}boundary=x`;
    await service.http.post('/auth/reset').set('content-type', type).send('--x--').expect(415);
  });

  test('400: a form in more than 256 chunks; in fewer, it is read', async () => {
    const body = '{"username":"a","password":"b"}';
    const inPieces = (text: string) => {
      const chunks = Array.from(text, (letter) => `1\r\n${letter}\r\n`).join('');
      return `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
    };
    const read = await exchange(service.port, inPieces(body.padEnd(256)), { answers: 1 });
    expect(read.answers.map(({ status }) => status)).toEqual([401]);

    const refused = await exchange(service.port, inPieces(body.padEnd(16_000)));
    expect(refused.answers.map(({ status }) => status)).toEqual([400]);
    expect(refused.answers[0]?.body).toContain('more than 256 pieces');
    await service.http.get('/api/liveness').expect(200);
  });
});
