import { Busboy } from '@fastify/busboy';
import { Problem } from '../problem.ts';
import { decodeUtf8 } from './strict-json.ts';

const maxFields = 8;
/** Far more than any schema has. Reporting an unknown name costs a microsecond or two. */
const maxNames = 64;

function invalidForm(cause?: unknown): Problem {
  return new Problem(400, 'invalid_request', 'The form is malformed or repeats a field.', { cause });
}

/** @throws {Problem} 400 `invalid_request` for an object with more than 64 names */
export function refuseManyNames(value: object): void {
  let names = 0;
  for (const _name in value) if ((names += 1) > maxNames) throw tooManyFields();
}

function tooManyFields(): Problem {
  return new Problem(
    400,
    'invalid_request',
    `The body has more than ${maxNames} fields. Send only those that this path accepts.`,
  );
}

/** Parses `application/x-www-form-urlencoded`. @throws {Problem} 400 `invalid_request` */
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

/** Decodes a name or value of a urlencoded form. @throws {URIError} */
export function decodeFormPart(part: string): string {
  return decodeURIComponent(part.replaceAll('+', ' '));
}

/** Parses a multipart form of text fields; files are rejected. @throws {Problem} 400 `invalid_request` */
export async function parseMultipart(bytes: Buffer, contentType: string): Promise<Record<string, string>> {
  const fields: [string, string][] = [];
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause?: unknown) => reject(invalidForm(cause));
    let parser: InstanceType<typeof Busboy>;
    try {
      // Read as bytes and decoded here: the parser would accept invalid UTF-8.
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
