import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { coreGroup } from '../../mlapi/config/core-config.ts';
import { ConfigError, readVariables } from '../../mlapi/config/read-variables.ts';
import { readConfig, type Config } from '../../mlapi/configuration.ts';
import { variables } from '../../mlapi/configuration.ts';
import { temporaryFolder } from '../support/service.ts';
import { mistakes } from './mistakes.ts';

function read(environment: Record<string, string>, root = temporaryFolder()): Config {
  return readConfig(environment, root);
}

describe('errors', () => {
  test('all errors are reported at once, without values', () => {
    const canary = 'CANARY value, too wrong for everything\r\n';
    const wrong = Object.fromEntries(variables.map(({ name }) => [name, canary.repeat(200)]));

    const found = mistakes({ ...wrong, NODE_ENV: canary, MLAPI_UNHEARD_OF: canary });

    const named = found.map((line) => /^\w+/.exec(line)?.[0]);
    expect(named).toEqual(expect.arrayContaining([...Object.keys(wrong), 'NODE_ENV', 'MLAPI_UNHEARD_OF']));
    expect(found.join('\n')).not.toContain('CANARY');
    expect(new ConfigError(found).message).toMatch(/^The configuration has \d+ mistake\(s\):\n {2}- /);
  });

  const wrongNumbers = ['10 mb', 'NaN', '-1', '1.5', ' 8080 ', '1e3', '0x10', '+80', '08080', '1_000', 'Infinity'];
  const numeric = variables.filter(({ schema }) => schema.type === 'number').map(({ name }) => name);
  test.each(numeric)('%s accepts only whole numbers in digits, within bounds', (name) => {
    for (const value of [...wrongNumbers, '99999999999', '9'.repeat(40)]) {
      const found = mistakes({ [name]: value });
      expect(found).toEqual([expect.stringMatching(`^${name} must be`)]);
      expect(found[0]).not.toContain(value);
    }
  });

  test.each([
    ['MLAPI_TRUST_PROXY', ['true', '*', '0.0.0.0/0', '::/0', '10.0.0.0/33', '....', '10', 'loopback,1', '1.2.3.4/']],
    [
      'MLAPI_CORS_ORIGINS',
      ['*', 'null', 'https://*.a.example', 'https://a.example/', 'https://a.example/path', 'https://u@a.example'],
    ],
    [
      'MLAPI_CORS_ORIGINS',
      ['https://a.example,', 'https://a.example:443', 'https://a.example:99999', 'https://A.example', 'ftp://a.b'],
    ],
    [
      'MLAPI_REMOTE_SERVERS',
      [
        'a.example',
        'ftp://a.example',
        'http://u@a.example',
        'http://u:p@a.example',
        'http://a.example?b',
        'http://a#b',
        'http://a b',
      ],
    ],
    ['MLAPI_WORKERS', ['0', '-1', '100', '1.5', '1e1', ' 2', 'Auto', 'all']],
    ['MLAPI_DATABASE_URL', ['somewhere', 'mysql://a.example/b', 'https://a.example', 'postgres:']],
    ['MLAPI_REDIS_URL', ['a.example:6379', 'postgres://a.example', '//a.example']],
    ['MLAPI_DOCS', ['yes', 'on', '1']],
    [
      'MLAPI_OTLP_ENDPOINT',
      [
        'collector:4318',
        'grpc://a',
        'http://',
        'http://user@a',
        'http://u:secret@a',
        'http://a?key=1',
        'http://a/#b',
        'http:a',
      ],
    ],
    ['MLAPI_OTLP_INTERVAL_SECONDS', ['0', '3601', '1.5']],
    ['MLAPI_LOG_LEVEL', ['INFO', 'trace']],
    ['MLAPI_HOST', ['two words', 'http://a.example']],
    ['MLAPI_KEY_PASSPHRASE', ['fifteen letters']],
    ['MLAPI_KEY_BITS', ['1024', '2049', '8192']],
    ['NODE_ENV', ['staging', 'Production']],
  ])('%s refuses %j', (name, values) => {
    for (const value of values) {
      const found = mistakes({ [name]: value });
      expect(found).toEqual([expect.stringMatching(`^${name}`)]);
      expect(found.join()).not.toContain(`"${value}"`);
    }
  });

  test.each(['MLAPI_PREDICT_TIMEOUT', 'MLAPI_METRICS', 'MLAPI_'])('%s is refused as an unknown variable', (name) => {
    expect(mistakes({ [name]: '1' })).toEqual([`${name} is not a variable of this service`]);
  });

  test('token lifetimes that contradict each other are refused', () => {
    expect(mistakes({ MLAPI_ACCESS_TTL_SECONDS: '500', MLAPI_REFRESH_TTL_SECONDS: '499' })).toHaveLength(1);
    expect(mistakes({ MLAPI_REFRESH_TTL_SECONDS: '1000', MLAPI_REFRESH_MAX_TTL_SECONDS: '999' })).toHaveLength(1);
  });

  test('an invalid data directory is one error, and hides no other', () => {
    expect(mistakes({ MLAPI_DATA_DIR: 'x'.repeat(300), MLAPI_PORT: 'x' })).toHaveLength(2);
  });
});

describe('the passphrase', () => {
  const long = 'long enough to be one';
  const production = { NODE_ENV: 'production', MLAPI_ISSUER: 'https://api.example.com' };

  test('production requires one, and does not use the one that development generated', () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'var'));
    writeFileSync(join(root, 'var/development-passphrase'), long);

    expect(read({}, root).keyPassphrase).toBe(long);
    expect(mistakes(production, root)).toEqual([
      'MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required in production',
    ]);
  });

  test('a passphrase and a passphrase file exclude each other', () => {
    const found = mistakes({ MLAPI_KEY_PASSPHRASE: long, MLAPI_KEY_PASSPHRASE_FILE: 'somewhere' });
    expect(found).toEqual(['MLAPI_KEY_PASSPHRASE and MLAPI_KEY_PASSPHRASE_FILE exclude each other']);
  });

  test.each([
    ['is missing', 'missing'],
    ['is a folder', '.'],
  ])('a file that %s is refused, without its path in the message', (_what, path) => {
    const found = mistakes({ ...production, MLAPI_KEY_PASSPHRASE_FILE: path });
    expect(found).toEqual(['MLAPI_KEY_PASSPHRASE_FILE names a file that cannot be read']);
  });

  test('a file with too short a passphrase is refused', () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'short'), 'fifteen letters\n\n\n');
    const found = mistakes({ MLAPI_KEY_PASSPHRASE_FILE: 'short' }, root);
    expect(found).toEqual(['MLAPI_KEY_PASSPHRASE_FILE must hold at least 16 characters']);
  });

  test('a file is read without its final line break, even if others can read it, as with secrets mounted in containers', () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'secret'), `${long}\r\n`);
    chmodSync(join(root, 'secret'), 0o644);
    const config = read({ ...production, MLAPI_KEY_PASSPHRASE_FILE: 'secret' }, root);
    expect(config.keyPassphrase).toBe(long);
  });

  test.each([0o400, 0o440])('a file of mode %d is read, as with systemd credentials', (mode) => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'passphrase'), `${long}\n`, { mode });
    chmodSync(join(root, 'passphrase'), mode);
    expect(read({ MLAPI_KEY_PASSPHRASE_FILE: 'passphrase' }, root).keyPassphrase).toBe(long);
  });

  test.each([0o620, 0o602])('a file of mode %d, writable by others, is refused', (mode) => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'passphrase'), long);
    chmodSync(join(root, 'passphrase'), mode);
    const found = mistakes({ MLAPI_KEY_PASSPHRASE_FILE: 'passphrase' }, root);
    expect(found).toEqual(['MLAPI_KEY_PASSPHRASE_FILE may be written by other users']);
  });
});

describe('values', () => {
  test('the environment overrides .env, whose errors are reported too', () => {
    const root = temporaryFolder();
    writeFileSync(join(root, '.env'), 'MLAPI_PORT=1111\nMLAPI_AUDIENCE="from file"\nMLAPI_UNHEARD_OF=1\n');
    expect(mistakes({}, root)).toEqual(['MLAPI_UNHEARD_OF is not a variable of this service']);

    writeFileSync(join(root, '.env'), 'MLAPI_PORT=1111\nMLAPI_AUDIENCE="from file"\n');
    const { port, audience } = read({ MLAPI_PORT: '2222' }, root);
    expect({ port, audience }).toEqual({ port: 2222, audience: 'from file' });
  });

  test('an empty variable counts as unset', () => {
    expect(read({ MLAPI_PORT: '', MLAPI_KEY_PASSPHRASE: '' })).toMatchObject({
      port: 8080,
      keyPassphrase: undefined,
    });
  });

  test('the object and its lists are frozen', () => {
    const config = read({ MLAPI_CORS_ORIGINS: 'https://a.example, http://b.example:8080' });
    expect(config.corsOrigins).toEqual(['https://a.example', 'http://b.example:8080']);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.corsOrigins)).toBe(true);
  });

  test.each([
    ['0', 0],
    ['2', 2],
    ['loopback, 10.0.0.0/8, fd00::/8', 'loopback, 10.0.0.0/8, fd00::/8'],
    ['192.0.2.1', '192.0.2.1'],
  ])('MLAPI_TRUST_PROXY accepts %s', (given, expected) => {
    expect(read({ MLAPI_TRUST_PROXY: given }).trustProxy).toBe(expected);
  });

  test('the defaults of the core', () => {
    const root = temporaryFolder();
    const defaults = {
      environment: 'development',
      host: '127.0.0.1',
      port: 8080,
      socket: undefined,
      dataDir: join(root, 'var'),
      modelsDir: join(root, 'resources/models'),
      defaultModel: undefined,
      issuer: 'http://127.0.0.1:8080',
      audience: 'mlapi',
      accessTtlSeconds: 900,
      refreshTtlSeconds: 86_400,
      refreshMaxTtlSeconds: 2_592_000,
      refreshGraceSeconds: 0,
      resetOnce: true,
      keyBits: 3_072,
      keyPassphrase: undefined,
      trustProxy: 'loopback',
      corsOrigins: [],
      bodyLimitBytes: 1_048_576,
      maxRows: 10_000,
      predictTimeoutMs: 10_000,
      rateLimitPerMinute: 6_000,
      authRateLimitPerMinute: 30,
      metricsPort: undefined,
      docs: true,
      logLevel: 'info',
      logFormat: 'pretty',
    };
    expect(readVariables([coreGroup], {}, root)).toEqual(defaults);
    const production = {
      NODE_ENV: 'production',
      MLAPI_KEY_PASSPHRASE: 'long enough to be one',
      MLAPI_ISSUER: 'https://api.example.com',
    };
    expect(read(production, root)).toMatchObject({
      environment: 'production',
      docs: false,
      logFormat: 'json',
    });
  });
});
