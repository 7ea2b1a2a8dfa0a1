import { existsSync, readFileSync } from 'node:fs';
import type { Logger } from '../../telemetry/logger.ts';
import { endpoint, type Endpoint } from '../endpoint.ts';
import { Problem } from '../problem.ts';

const dayMs = 86_400_000;
/** RFC 9116 section 2.5.5: less than a year ahead. */
const longestMs = 366 * dayMs;
const noticeMs = 30 * dayMs;

/** The security contact (RFC 9116): the file as it is, and when it expires. */
export interface SecurityTxt {
  readonly text: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Reads the operator's file; undefined where there is none. The log warns from a month before it expires.
 * @throws {Error} where it says nothing that a finder could use
 */
export function openSecurityTxt(path: string, logger: Logger, clock: () => number): SecurityTxt | undefined {
  if (!existsSync(path)) return undefined;
  const file = readSecurityTxt(readFileSync(path, 'utf8'), path, clock());
  if (file.expiresAt - clock() < noticeMs) {
    const expires = new Date(file.expiresAt).toISOString();
    logger.log('warn', `${path} expires soon, or has: review it, and write a later Expires`, { expires });
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
        summary: 'Whom to tell of a security hole (RFC 9116)',
        tag: 'discovery',
        statuses: { 404: 'The operator has named nobody' },
        answer: { schema: { type: 'string' }, mediaType: 'text/plain' },
      },
      handle: () => {
        if (file === undefined || file.expiresAt <= clock())
          throw new Problem(404, 'not_found', 'The operator of this service has named no security contact.');
        return { body: file.text };
      },
    }),
  ];
}

/** Checks a file against RFC 9116. @param now epoch milliseconds @throws {Error} naming what is wrong */
export function readSecurityTxt(text: string, path: string, now: number): SecurityTxt {
  const fields = text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^([A-Za-z-]+):(.*)/.exec(line) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), value.trim()] as const];
  });
  const valuesOf = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value);
  const refuse = (reason: string) => new Error(`${path}: ${reason}`);

  const contacts = valuesOf('contact');
  if (contacts.length === 0) throw refuse('a Contact is missing');
  if (!contacts.every((contact) => /^(?:mailto:[^@\s]+@[^@\s]+|tel:\+?[\d-]+|https:\/\/\S+)$/.test(contact)))
    throw refuse('a Contact is mailto:, tel: or https://');
  if (contacts.some((contact) => /[@/.]example\.(?:com|net|org)\b/.test(contact)))
    throw refuse("a Contact is the example's, which nobody reads");
  if (fields.some(([, value]) => value.startsWith('http://'))) throw refuse('URLs begin with https://');

  const [expires, ...more] = valuesOf('expires');
  if (expires === undefined || more.length > 0) throw refuse('exactly one Expires is needed');
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(expires);
  const expiresAt = isDate ? Date.parse(expires) : NaN;
  if (Number.isNaN(expiresAt)) throw refuse('Expires is a date such as 2030-01-31T00:00:00Z');
  if (expiresAt - now > longestMs) throw refuse('Expires is at most a year ahead');
  return { text, expiresAt };
}
