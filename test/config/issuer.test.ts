import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../mlapi/configuration.ts';
import { temporaryFolder } from '../support/service.ts';
import { mistakes } from './mistakes.ts';

describe('the issuer', () => {
  const passphrase = { MLAPI_KEY_PASSPHRASE: 'long enough to be one' };

  test('production requires one and names the variable', () => {
    for (const given of [{}, { MLAPI_ISSUER: '' }])
      expect(mistakes({ NODE_ENV: 'production', ...passphrase, ...given })).toEqual([
        'MLAPI_ISSUER is required in production: the URL at which clients reach the service, such as https://api.example.com',
      ]);
  });

  test.each([
    'https://api.example.com',
    'https://api.example.com:8443',
    'http://127.0.0.1:8080',
    'http://localhost:1',
    'http://[::1]:8080',
  ])('%s is valid, in production too', (issuer) => {
    expect(readConfig({ NODE_ENV: 'production', ...passphrase, MLAPI_ISSUER: issuer }, temporaryFolder()).issuer).toBe(
      issuer,
    );
  });

  test.each([
    'mlapi',
    'http://api.example.com',
    'http://127.0.0.1.example.com',
    'https://api.example.com/',
    'https://api.example.com/mlapi',
    'https://api.example.com?a',
    'https://api.example.com#a',
    'https://API.example.com',
    'https://api.example.com:443',
    'https://user:word@api.example.com',
    'ftp://api.example.com',
  ])('%s is invalid, in development too', (issuer) => {
    for (const mode of ['production', 'development'])
      expect(mistakes({ NODE_ENV: mode, ...passphrase, MLAPI_ISSUER: issuer })).toEqual([
        expect.stringMatching(/^MLAPI_ISSUER must be the URL of the service: https:/),
      ]);
  });

  test.each([
    [{ MLAPI_PORT: '1234' }, 'http://127.0.0.1:1234'],
    [{ MLAPI_HOST: '0.0.0.0' }, 'http://127.0.0.1:8080'],
    [{ MLAPI_HOST: '::1' }, 'http://[::1]:8080'],
    [{ MLAPI_SOCKET: '/run/mlapi.sock' }, 'http://127.0.0.1:8080'],
  ])('development defaults to its address on this machine: %j', (given, issuer) => {
    expect(readConfig(given, temporaryFolder()).issuer).toBe(issuer);
  });
});
