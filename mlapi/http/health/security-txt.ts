import { existsSync, readFileSync } from 'node:fs';
import type { Logger } from '../../telemetry/logger.ts';
import { endpoint, type Endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';

const dayMs = 86_400_000;
/** RFC 9116 section 2.5.5 recommends less than a year. */
const longestMs = 366 * dayMs;
const noticeMs = 30 * dayMs;

/** The security contact (RFC 9116): text of the file and when it expires. */
export interface SecurityTxt {
  readonly text: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Reads the operator's security.txt; undefined if there is none. Logs a warning from 30 days before it expires.
 * @throws {Error} if the file is invalid
 */
export function openSecurityTxt(path: string, logger: Logger, clock: () => number): SecurityTxt | undefined {
  if (!existsSync(path)) return undefined;
  const file = readSecurityTxt(readFileSync(path, 'utf8'), path, clock());
  if (file.expiresAt - clock() < noticeMs) {
    const expires = new Date(file.expiresAt).toISOString();
    logger.log('warn', `${path} expires soon or has expired: review it and set a later Expires`, { expires });
  }
  return file;
}

/** Public: the file, until it expires. */
export function securityTxtEndpoints(file: SecurityTxt | undefined, clock: () => number): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/.well-known/security.txt',
      access: 'public',
      docs: {
        operationId: 'getSecurityContact',
        summary: 'Contact for security reports (RFC 9116)',
        tag: 'discovery',
        statuses: { 404: 'No security contact has been configured' },
        answer: { schema: { type: 'string' }, mediaType: 'text/plain' },
      },
      handle: () => {
        if (file === undefined || file.expiresAt <= clock())
          throw new Problem(404, 'not_found', 'No security contact has been configured.');
        return { body: file.text };
      },
    }),
  ];
}

/**
 * Checks a file against RFC 9116.
 * @param now epoch milliseconds
 * @throws {Error} naming the mistake
 */
export function readSecurityTxt(text: string, path: string, now: number): SecurityTxt {
  const fields = text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^([A-Za-z-]+):(.*)/.exec(line) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), value.trim()] as const];
  });
  const valuesOf = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value);
  const refuse = (reason: string) => new Error(`${path}: ${reason}`);

  const contacts = valuesOf('contact');
  if (contacts.length === 0) throw refuse('Contact is missing');
  if (!contacts.every((contact) => /^(?:mailto:[^@\s]+@[^@\s]+|tel:\+?[\d-]+|https:\/\/\S+)$/.test(contact)))
    throw refuse('Contact must be a mailto:, tel: or https:// URI');
  if (contacts.some((contact) => /[@/.]example\.(?:com|net|org)\b/.test(contact)))
    throw refuse('Contact is still the one of the example, which nobody reads');
  if (fields.some(([, value]) => value.startsWith('http://'))) throw refuse('URLs must begin with https://');

  const [expires, ...more] = valuesOf('expires');
  if (expires === undefined || more.length > 0) throw refuse('exactly one Expires is required');
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(expires);
  const expiresAt = isDate ? Date.parse(expires) : NaN;
  if (Number.isNaN(expiresAt)) throw refuse('Expires must be a date such as 2030-01-31T00:00:00Z');
  if (expiresAt - now > longestMs) throw refuse('Expires must be at most a year ahead');
  return { text, expiresAt };
}
