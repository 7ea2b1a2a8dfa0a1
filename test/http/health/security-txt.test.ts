import { existsSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import winston from 'winston';
import { createApplication } from '../../../application.ts';
import { openSecurityTxt, readSecurityTxt } from '../../../mlapi/http/health/security-txt.ts';
import { Logger } from '../../../mlapi/telemetry/logger.ts';
import { startService, type TestService } from '../../support/service.ts';

const now = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
const path = '/.well-known/security.txt';
const read = (text: string) => readSecurityTxt(text, 'security.txt', now);
const good = 'Contact: mailto:security@mlapi.test\nExpires: 2026-12-31T00:00:00Z\n';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('GET /.well-known/security.txt', () => {
  test('200: the file unchanged, as UTF-8 text, without a token; HEAD too; 405 for POST', async () => {
    const { text, headers } = await service.http.get(path).expect(200);

    expect(text).toBe(readFileSync(`${service.dataDir}/security.txt`, 'utf8'));
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    await service.http.head(path).expect(200);
    await service.http.post(path).expect(405).expect('allow', 'GET, HEAD, OPTIONS');
  });

  test('404: no contact is configured', async () => {
    const nobody = createApplication({ ...service.services, securityTxt: undefined });
    const { body } = await supertest(nobody).get(path).expect(404);
    expect(body.detail).toBe('No security contact has been configured.');
  });

  test('404: from the second in which the file expires', async () => {
    const expiresAt = service.clock.now + 2_000;
    const application = createApplication({ ...service.services, securityTxt: { text: good, expiresAt } });
    await supertest(application).get(path).expect(200);
    service.clock.advanceSeconds(2);
    await supertest(application).get(path).expect(404);
  });
});

describe('at the start', () => {
  test('accepts comments, several contacts, either line ending, a date with an offset', () => {
    const text = [
      '# Our security contact',
      'Contact: https://mlapi.test/report',
      'contact: tel:+1-201-555-0123',
      'Expires: 2026-06-30T23:59:59+02:00',
      'Canonical: https://mlapi.test/.well-known/security.txt',
      '',
    ].join('\r\n');
    expect(read(text)).toEqual({ text, expiresAt: Date.UTC(2026, 5, 30, 21, 59, 59) });
  });

  test.each([
    ['no Contact', 'Expires: 2026-12-31T00:00:00Z\n', 'Contact is missing'],
    ['a Contact in a comment', `# ${good}`, 'Contact is missing'],
    ['a bare address', good.replace('mailto:', ''), 'Contact must be a mailto:, tel: or https:// URI'],
    ['no Expires', 'Contact: mailto:security@mlapi.test\n', 'exactly one Expires is required'],
    ['two Expires', `${good}Expires: 2026-12-30T00:00:00Z\n`, 'exactly one Expires is required'],
    ['no date', good.replace('2026-12-31T00:00:00Z', 'in a year'), 'Expires must be a date such as'],
    ['an invalid date', good.replace('12-31', '13-31'), 'Expires must be a date such as'],
    ['more than a year', good.replace('2026-12-31', '2027-01-03'), 'Expires must be at most a year ahead'],
    ['a URL without TLS', `${good}Policy: http://mlapi.test/policy\n`, 'URLs must begin with https://'],
  ])('%s stops the start', (_title, text, reason) => {
    expect(() => read(text)).toThrow(`security.txt: ${reason}`);
  });

  test('the unedited example stops the start', () => {
    expect(() => read(readFileSync('files/security.txt', 'utf8'))).toThrow('Contact is still the one of the example');
  });

  test('a file that has expired, or expires within a month, logs a warning', () => {
    const file = `${service.dataDir}/security.txt`;
    const { expiresAt } = readSecurityTxt(readFileSync(file, 'utf8'), file, now);
    const stream = new PassThrough();
    const logger = new Logger(winston.createLogger({ transports: [new winston.transports.Stream({ stream })] }));
    const warningsAt = (days: number) => {
      openSecurityTxt(file, logger, () => expiresAt - days * dayMs);
      return String(stream.read() ?? '').match(/"level":"warn","message":"[^"]*expires soon or has expired/g) ?? [];
    };
    expect([31, 29, -1].map((days) => warningsAt(days).length)).toEqual([0, 1, 1]);
  });
});

test('resources/security.txt, if it exists, is valid for another month', () => {
  const own = 'resources/security.txt';
  const month = Date.now() + 30 * dayMs;
  const expiresAt = existsSync(own)
    ? readSecurityTxt(readFileSync(own, 'utf8'), own, Date.now()).expiresAt
    : Number.POSITIVE_INFINITY;
  expect(expiresAt).toBeGreaterThan(month);
});
