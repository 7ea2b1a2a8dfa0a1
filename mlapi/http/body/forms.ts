import { Busboy } from '@fastify/busboy';
import { Problem } from '../problem.ts';
import { decodeUtf8 } from './strict-json.ts';

const maxFields = 8;
/** Far more than any schema has. Each name that is unknown costs a microsecond or two to report. */
const maxNames = 64;

function invalidForm(cause?: unknown): Problem {
  return new Problem(400, 'invalid_request', 'The form is malformed, or has a field twice.', { cause });
}

/** @throws {Problem} 400 `invalid_request` for an object with more names than any body here has */
export function refuseManyNames(value: object): void {
  let names = 0;
  for (const _name in value) if ((names += 1) > maxNames) throw tooManyFields();
}

function tooManyFields(): Problem {
  return new Problem(
    400,
    'invalid_request',
    `The body has more than ${maxNames} fields: send those that this path takes.`,
  );
}

/** A form as HTML sends it. @throws {Problem} 400 `invalid_request` */
export function parseUrlencoded(bytes: Buffer): Record<string, string> {
  const fields: [string, string][] = [];
  for (const pair of decodeUtf8(bytes).split('&')) {
    if (pair === '') continue;
    if (fields.length === maxNames) throw tooManyFields();
    const equals = pair.includes('=') ? pair.indexOf('=') : pair.length;
    try {
      fields.push([decodeFormPart(pair.slice(0, equals)), decodeFormPart(pair.slice(equals + 1))]);
    } catch (cause) {
      throw invalidForm(cause);
    }
  }
  return toForm(fields);
}

/** A name or a value of such a form. @throws {URIError} */
export function decodeFormPart(part: string): string {
  return decodeURIComponent(part.replaceAll('+', ' '));
}

/** A form of text fields, none of them a file. @throws {Problem} 400 `invalid_request` */
export async function parseMultipart(bytes: Buffer, contentType: string): Promise<Record<string, string>> {
  const fields: [string, string][] = [];
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause?: unknown) => reject(invalidForm(cause));
    let parser: InstanceType<typeof Busboy>;
    try {
      // Read as bytes, and decoded by us: the parser would let invalid UTF-8 pass.
      const defCharset = 'latin1';
      const limits = { files: 0, fields: maxFields, parts: maxFields, fieldNameSize: 64 };
      parser = new Busboy({ headers: { 'content-type': contentType }, limits, defCharset });
    } catch (cause) {
      refuse(cause);
      return;
    }
    parser.on('field', (name, value, isNameCut, isValueCut) => {
      if (isNameCut || isValueCut) refuse();
      try {
        fields.push([name, decodeField(value)]);
      } catch (cause) {
        refuse(cause);
      }
    });
    for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit', 'error'] as const) parser.on(limit, refuse);
    parser.on('finish', resolve);
    parser.end(bytes);
  });
  return toForm(fields);
}

function decodeField(text: string): string {
  return decodeUtf8(Buffer.from(text, 'latin1'));
}

function toForm(fields: readonly [string, string][]): Record<string, string> {
  if (new Set(fields.map(([name]) => name)).size !== fields.length) throw invalidForm();
  return Object.fromEntries(fields);
}
