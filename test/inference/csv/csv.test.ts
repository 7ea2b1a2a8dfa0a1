import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readConnections } from '../../support/nsl-kdd.ts';
import { startService, type TestService } from '../../support/service.ts';

const maxRows = 300;
const limitBytes = 262_144;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_MAX_ROWS: String(maxRows), MLAPI_BODY_LIMIT_BYTES: String(limitBytes) });
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

const path = 'test/fixtures/nsl-kdd/rows.csv';
const connections = readConnections(path);
/** Lines of the data set, without the target columns. */
const lines = readFileSync(path, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split(',').slice(0, -2).join(','));
const [header = '', first = '', second = ''] = lines;
const columns = header.split(',');
const file = `${lines.join('\n')}\n`;
/** The first row, with some cells replaced. */
const rowWith = (cells: Readonly<Record<string, string>>) =>
  first
    .split(',')
    .map((cell, at) => cells[columns[at]!] ?? cell)
    .join(',');

const post = (body: string | Buffer, type = 'text/csv', target = '/api/ml') =>
  service.http
    .post(target)
    .set('authorization', `Bearer ${token}`)
    .set('content-type', type)
    // As bytes, because supertest would send a string as JSON.
    .serialize((text: unknown) => text as string)
    .send(body);

describe('200: rows as CSV', () => {
  const model = '/api/models/nsl-kdd-classifier';

  test.each(['/api/ml', `${model}/predict`, `${model}/versions/1/predict`, '/api/ml/'])(
    'POST %s returns the same as for JSON rows',
    async (target) => {
      const rows = JSON.stringify(connections.map(({ list }) => list));

      const { body: ofCsv } = await post(file, 'text/csv', `${target}?scores=true`).expect(200);

      const { body: ofJson } = await post(rows, 'application/json', `${target}?scores=true`).expect(200);
      expect(ofCsv).toEqual(ofJson);
      expect((ofCsv as { predictions: unknown[] }).predictions).toHaveLength(200);
    },
  );

  test.each([
    'text/csv; charset=utf-8',
    'text/csv;charset="UTF-8"; header=present',
    'Text/CSV; header="present"',
    'text/csv;',
  ])('%s', async (type) => {
    const { body } = await post(`${header}\n${first}`, type).expect(200);

    expect(body).toMatchObject({ predictions: ['normal'] });
  });

  test.each([
    ['a byte order mark', `\ufeff${header}\n${first}\n`],
    ['CRLF and LF', `${header}\r\n${first}\n${first}\r\n`],
    ['no line break at the end', `${header}\n${first}`],
    ['quotes around every cell', `"${header.replaceAll(',', '","')}"\n"${first.replaceAll(',', '","')}"\n`],
    ['categories in another case', `${header}\n${rowWith({ protocol_type: 'TCP', service: 'Ftp', flag: 'sf' })}\n`],
    ['a number in another spelling', `${header}\n${rowWith({ duration: '2.840e2' })}\n`],
    ['booleans as pandas and spreadsheets write them', `${header}\n${rowWith({ land: 'False', logged_in: 'TRUE' })}\n`],
    ['columns in another order', [header, first].map((line) => line.split(',').reverse().join(',')).join('\n')],
  ])('%s', async (_, text) => {
    const { body } = await post(text).expect(200);

    expect((body as { predictions: unknown[] }).predictions[0]).toBe('normal');
  });
});

interface Refusal {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

const refusalOf = async (body: string | Buffer, status: number): Promise<Refusal> => {
  const answer = await post(body).expect(status).expect('content-type', 'application/problem+json');
  return answer.body as Refusal;
};

describe('400: invalid CSV', () => {
  const nul = '\0';
  test.each<[string, string | Buffer, string, string]>([
    ['an empty body', '', '/header', 'a header is required'],
    ['unclosed quote', `${header}\n"${first}\n${second}\n`, '/0/duration', 'unclosed quote'],
    [
      'a quote in the middle of a cell',
      `${header}\n${first}\n${rowWith({ service: 'f"tp' })}\n`,
      '/1/service',
      'quote inside an unquoted cell',
    ],
    [
      'a quote in the middle, and no other',
      `${header}\n${rowWith({ service: '5"' })}\n${second}\n`,
      '/0/service',
      'quote inside an unquoted cell',
    ],
    [
      'text after the closing quote',
      `${header}\n${rowWith({ service: '"f"tp' })}\n`,
      '/0/service',
      'text after the closing quote',
    ],
    ['NUL', `${header}\n${rowWith({ service: nul })}\n`, '/0/service', 'NUL character'],
    ['line breaks of a lone CR', `${header}\r${first}\r`, '/header', 'carriage return without line feed (cell 41)'],
    [
      'bytes that are not UTF-8',
      Buffer.from(`${header}\n${first}\n${rowWith({ service: 'é' })}\n`, 'latin1'),
      '/1',
      'not UTF-8',
    ],
    ['a header that is not UTF-8', Buffer.from([0xff, 0x0a]), '/header', 'not UTF-8'],
    ['an overlong slash', Buffer.concat([Buffer.from(`${header}\n`), Buffer.from([0xc0, 0xaf])]), '/0', 'not UTF-8'],
    ['UTF-16 with its mark', Buffer.from(`\ufeff${file}`, 'utf16le'), '/header', 'not UTF-8'],
    ['UTF-16 without', Buffer.from(file, 'utf16le'), '/header', 'NUL character (cell 1)'],
  ])('invalid_csv: %s', async (_, body, pointer, detail) => {
    expect(await refusalOf(body, 400)).toMatchObject({ code: 'invalid_csv', errors: [{ pointer, detail }] });
  });
});

describe('400: a header that does not match', () => {
  test.each([
    ['an unknown column', `${header},attack`, '/header/attack', 'not a feature of this model'],
    ['a missing column', columns.slice(1).join(','), '/header/duration', 'missing; this column is required'],
    ['an empty name', `${header},`, '/header/', 'not a feature of this model'],
    ['__proto__', `${header},__proto__`, '/header/__proto__', 'not a feature of this model'],
    ['a long name', `${header},${'a'.repeat(5_000)}`, `/header/${'a'.repeat(40)}...`, 'not a feature of this model'],
  ])('invalid_rows: %s', async (_, names, pointer, detail) => {
    expect(await refusalOf(`${names}\n${first}\n`, 400)).toMatchObject({
      code: 'invalid_rows',
      errors: [{ pointer, detail }],
    });
  });

  test('duplicate_key: a column twice', async () => {
    const { code, errors } = await refusalOf(`${header},land\n${first},0\n`, 400);

    expect([code, errors]).toEqual(['duplicate_key', [{ pointer: '/header/land', detail: 'column is repeated' }]]);
  });

  test('invalid_rows: a header without rows', async () => {
    const { code, errors } = await refusalOf(`${header}\n`, 400);

    expect([code, errors]).toEqual(['invalid_rows', [{ pointer: '', detail: 'at least one row is required' }]]);
  });
});

describe('CSV without line breaks, as sent by curl -d', () => {
  const asCurlSends = (table: string) => table.replaceAll('\n', '');

  test.each([
    ['duplicate_key', 400, asCurlSends(`${header}\n${first}\n${second}\n`), '/header/0'],
    ['invalid_rows', 400, header, ''],
    ['invalid_csv', 400, `${header}"`, '/header'],
    ['row_too_large', 413, asCurlSends(`${header}\n${`${first}\n`.repeat(1_000)}`), '/header'],
  ])('%s: the error (%i) says so, with instructions', async (expected, status, body, pointer) => {
    const { code, detail, errors } = await refusalOf(body, status);

    expect([code, errors?.[0]?.pointer]).toEqual([expected, pointer]);
    expect(detail).toMatch(/^The (?:CSV is a single line|header of the CSV is too long).* use --data-binary\.$/);
  });

  test('no other error mentions it', async () => {
    for (const body of [`${header}\n`, `${header}\n${rowWith({ flag: 'x' })}`, `${header}\n"`, '\n'])
      expect((await refusalOf(body, 400)).detail).not.toContain('line breaks');
  });
});

describe('400: invalid rows', () => {
  test.each([
    ['a category', { flag: 'ftpx' }, '/1/flag', /^unknown category "ftpx"; expected one of /],
    ['text for a number', { duration: 'x' }, '/1/duration', '"x"; expected a finite number'],
    ['a number with a blank', { duration: ' 1' }, '/1/duration', '" 1"; expected a finite number'],
    ['a number with a leading zero', { duration: '01' }, '/1/duration', '"01"; expected a finite number'],
    ['a hexadecimal number', { duration: '0x1' }, '/1/duration', '"0x1"; expected a finite number'],
    ['a formula', { duration: '=1+1' }, '/1/duration', '"=1+1"; expected a finite number'],
    ['NaN', { duration: 'NaN' }, '/1/duration', '"NaN"; expected a finite number'],
    ['an infinity', { serror_rate: '1e999' }, '/1/serror_rate', /^Infinity is above /],
    ['an empty cell', { duration: '' }, '/1/duration', 'missing; expected a finite number'],
    ['an empty cell in quotes', { duration: '""' }, '/1/duration', 'missing; expected a finite number'],
    ['another boolean', { land: 'yes' }, '/1/land', '"yes"; expected true or false'],
  ])('%s: the error names row and feature', async (_, cells, pointer, detail) => {
    const { code, errors } = await refusalOf(`${header}\n${first}\n${rowWith(cells)}\n${second}\n`, 400);

    expect([code, errors?.length, errors?.[0]?.pointer]).toEqual(['invalid_rows', 1, pointer]);
    expect(errors?.[0]?.detail).toMatch(detail);
  });

  test.each([
    ['a cell less', first.slice(0, first.lastIndexOf(',')), 40],
    ['a cell more', `${first},1`, 42],
    ['an empty line', '', 1],
    ['100,000 cells less one', ','.repeat(50_000), 50_001],
  ])('%s', async (_, row, cells) => {
    const { code, errors } = await refusalOf(`${header}\n${first}\n${row}\n${second}\n`, 400);

    const detail = `expected 41 cells as in the header, got ${cells}`;
    expect([code, errors]).toEqual(['invalid_rows', [{ pointer: '/1', detail }]]);
  });

  test('at most 20 errors, without long values', async () => {
    const wrong = rowWith({ flag: 'x'.repeat(10_000) });

    const { errors } = await refusalOf(`${header}\n${`${wrong}\n`.repeat(22)}`, 400);

    expect(errors?.map(({ pointer }) => pointer)).toEqual(Array.from({ length: 20 }, (_, row) => `/${row}/flag`));
    expect(JSON.stringify(errors).length).toBeLessThan(10_000);
  });
});

describe('413', () => {
  test('too_many_rows: one over the limit; the limit itself is served', async () => {
    const rows = (count: number) => `${header}\n${`${first}\n`.repeat(count)}`;

    await post(rows(maxRows)).expect(200);

    expect((await refusalOf(rows(maxRows + 1), 413)).code).toBe('too_many_rows');
  });

  test('body_too_large: one byte over the limit', async () => {
    const fill = (bytes: number) => `${header}\n`.padEnd(bytes, '\n');

    expect((await refusalOf(fill(limitBytes), 400)).code).toBe('invalid_rows');
    expect((await refusalOf(fill(limitBytes + 1), 413)).code).toBe('body_too_large');
  });

  test.each([
    ['a million columns', ','.repeat(200_000), '/header'],
    ['a line without an end', `${header}\n${'1'.repeat(200_000)}`, '/0'],
    ['an unclosed quote', `${header}\n"${`${first}\n`.repeat(1_000)}`, '/0'],
  ])('row_too_large: %s', async (_, body, pointer) => {
    const { code, errors } = await refusalOf(body, 413);

    expect([code, errors?.[0]?.pointer]).toEqual(['row_too_large', pointer]);
  });
});

describe('other errors for CSV', () => {
  test.each(['text/csv; charset=utf-16', 'text/csv; header=absent', 'text/csvx', 'text/tab-separated-values'])(
    '415: %s',
    async (type) => {
      const { headers, body } = await post(file, type).expect(415);

      expect(headers.accept).toBe('application/json, text/csv');
      expect(body).toMatchObject({
        code: 'unsupported_media_type',
        detail: 'The body must be application/json or text/csv.',
      });
    },
  );

  test('415: a compressed body', async () => {
    await post(file).set('content-encoding', 'gzip').expect(415);
  });

  test('415: a header parameter on JSON', async () => {
    await post('[[1]]', 'application/json; header=present').expect(415);
  });

  test('401: without a token; 403: without the scope; 404: an unknown model; whatever the body', async () => {
    const reader = (await service.newClient(undefined, ['models:read'])).tokens.access_token;

    await post(file).set('authorization', '').expect(401);
    await post(file).set('authorization', `Bearer ${reader}`).expect(403);
    await post('"', 'text/csv', '/api/models/nothing/predict').expect(404);
    await post(file, 'text/csv', '/api/models/nsl-kdd-classifier/versions/2/predict').expect(404);
  });

  test('400: an unknown query parameter', async () => {
    await post(file, 'text/csv', '/api/ml?score=true').expect(400);
  });
});
