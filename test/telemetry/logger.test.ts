import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toLoggable } from '../../mlapi/telemetry/loggable.ts';
import { flatJsonLine } from '../../mlapi/telemetry/logger.ts';
import { startCompiled } from '../support/child.ts';

const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2lnbmF0dXJlLWJ5dGVz';

describe('the log', () => {
  test('hostile values: one line of valid JSON each, and nothing is thrown', async () => {
    const script = startCompiled('test/telemetry/hostile-values.ts');
    const end = await script.ended;
    expect({ ...end, stderr: script.stderr }).toEqual({ code: 0, signal: null, stderr: '' });

    const lines = script.stdout.trimEnd().split(/[\n\r\u2028\u2029]/);
    const count = Number(/^(\d+) values$/.exec(lines.pop() ?? '')?.[1]);
    expect(count).toBeGreaterThan(20);
    expect(lines).toHaveLength(2 * count);
    for (const line of lines) {
      expect(line.length).toBeLessThan(60_000);
      const { time, level, message } = JSON.parse(line);
      expect({ level, message: typeof message }).toEqual({ level: 'info', message: 'string' });
      expect(new Date(time).getTime()).toBeGreaterThan(0);
    }
  });

  test('hostile values in human-readable format: one line each, without control characters', async () => {
    const script = startCompiled('test/telemetry/hostile-values.ts', ['pretty']);
    expect(await script.ended).toEqual({ code: 0, signal: null });
    const lines = script.stdout.trimEnd().split('\n');
    const count = Number(/^(\d+) values$/.exec(lines.pop() ?? '')?.[1]);
    expect(lines).toHaveLength(2 * count);
    // eslint-disable-next-line no-control-regex -- this is what must not be there
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  });
});

test('a line of flat fields is the JSON of its fields, in their order, with tokens redacted', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(undefined),
    fc.constantFrom(token, `/api?x=${token}`, '"', '\\', '\u2028', '\n', '\ud800', 'é'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), value), (fields) => {
      const line = flatJsonLine({ level: 'info', message: 'request', fields });

      expect(line).not.toMatch(/[\n\r\u2028\u2029]/);
      expect(line).not.toContain(token);
      const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const expected = { level: 'info', message: 'request', ...(toLoggable(fields) as object) };
      expect(JSON.stringify(rest)).toBe(JSON.stringify(JSON.parse(JSON.stringify(expected))));
      expect(new Date(time as string).getTime()).toBeGreaterThan(0);
    }),
  );
});

describe('logged values', () => {
  test('an error is logged with its causes: name, message, code and stack of each', () => {
    const root = Object.assign(new TypeError('root'), { code: 'E_ROOT' });
    const error = new Error('outer', { cause: new RangeError('middle', { cause: root }) });

    expect(toLoggable(error)).toMatchObject({
      name: 'Error',
      message: 'outer',
      stack: expect.stringContaining('logger.test.ts'),
      cause: {
        name: 'RangeError',
        message: 'middle',
        stack: expect.stringContaining('RangeError: middle'),
        cause: { name: 'TypeError', message: 'root', code: 'E_ROOT', stack: expect.stringContaining('root') },
      },
    });
  });

  test.each([
    ['in text', `before ${token} after`],
    ['twice in text', `${token},${token}`],
    ['in a name', { [token]: 1 }],
    ['deep in a value', { a: [{ b: token }] }],
    ['in an error', new Error(`bad ${token}`)],
    ['in a cause', new Error('outer', { cause: new Error(token) })],
    ['cut by the bound on text', `${'x'.repeat(1_960)} ${token}`],
    ['without its signature', token.slice(0, token.lastIndexOf('.'))],
    ['without its payload', token.split('.')[0]],
  ])('a token %s is redacted', (_where, value) => {
    const logged = JSON.stringify(toLoggable(value));
    for (const part of token.split('.')) expect(logged).not.toContain(part.slice(0, 12));
    expect(logged).toContain('[token]');
  });

  test.each([
    ['password', 'oldPassword', 'passphrase', 'authorization', 'Authorization', 'Cookie', 'set-cookie'],
    ['access_token', 'refreshToken', 'token', 'clientSecret', 'privateKey', 'sealed_private_key'],
  ])('values of keys like %s, %s, %s ... are redacted', (...names) => {
    const value = Object.fromEntries(names.map((name) => [name, { inner: 'canary' }]));
    expect(JSON.stringify(toLoggable({ value }))).not.toContain('canary');
  });

  test('harmless values stay as they are', () => {
    const value = { status: 200, path: '/api/ml', isReady: true, address: null, list: ['a', 1.5] };
    expect(toLoggable(value)).toEqual(value);
  });
});
