import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  licenceMistakes,
  lockMistakes,
  productionPackages,
  readLock,
  readManifest,
  versionMistakes,
  type Locked,
  type LockFile,
} from './lock-file.ts';

const lock = readLock();
const manifest = readManifest();

/** The lock file with one package changed. */
function changed(path: string, change: Locked): LockFile {
  return { ...lock, packages: { ...lock.packages, [path]: { ...lock.packages[path], ...change } } };
}

describe('package-lock.json', () => {
  test('it locks every package of the manifest at one version, by SHA-512, from the registry, without install scripts', () => {
    expect(productionPackages(lock).length).toBeGreaterThan(50);
    expect(lockMistakes(lock, manifest)).toEqual([]);
    // For npm 10, which does not support allowScripts.
    expect(readFileSync('.npmrc', 'utf8').split('\n')).toContain('ignore-scripts=true');
  });

  test.each(['.ci/sbom', '.ci/openapi'])('the lock file of the tool in %s does the same', (folder) => {
    const { packages, lockfileVersion } = readLock(`${folder}/package-lock.json`);
    // Optional packages are not installed: .npmrc omits them.
    const installed = Object.fromEntries(Object.entries(packages).filter(([, { optional }]) => optional !== true));
    const tool = { lockfileVersion, packages: installed };
    expect(lockMistakes(tool, readManifest(`${folder}/package.json`))).toEqual([]);
    expect(readFileSync(`${folder}/.npmrc`, 'utf8').split('\n')).toEqual(
      expect.arrayContaining(['ignore-scripts=true', 'omit=optional']),
    );
  });

  test('no production package has a known vulnerability', () => {
    expect(versionMistakes(lock)).toEqual([]);
  });

  test('every production package has an allowed licence', () => {
    expect(licenceMistakes(lock)).toEqual([]);
  });
});

describe('the checks reject', () => {
  const path = 'node_modules/express';
  const unusual: [string, Locked, string][] = [
    ['no checksum', { integrity: '' }, 'node_modules/express has no SHA-512'],
    ['a weak checksum', { integrity: 'sha1-aaaaaaaaaaaaaaaaaaaaaaaaaaa=' }, 'node_modules/express has no SHA-512'],
    ['a link', { link: true }, 'node_modules/express is a link'],
    ['another package under this name', { name: 'expres' }, 'node_modules/express is expres in disguise'],
    ['git', { resolved: 'git+ssh://git@github.com/expressjs/express.git#abc' }, 'does not come from the registry'],
    ['plain HTTP', { resolved: 'http://registry.npmjs.org/express.tgz' }, 'does not come from the registry'],
    ['a file', { resolved: 'file:../express.tgz' }, 'does not come from the registry'],
    ['a similar host', { resolved: 'https://registry.npmjs.org.example/e.tgz' }, 'does not come from the registry'],
    ['a new install script', { hasInstallScript: true }, 'has an install script that allowScripts does not deny'],
    ['another version', { version: '5.2.2' }, 'express is not locked at '],
  ];
  test.each(unusual)('%s', (_title, change, mistake) => {
    expect(lockMistakes(changed(path, change), manifest)).toEqual([expect.stringContaining(mistake)]);
  });

  test('a range, an old lock file version', () => {
    const loose = { ...manifest, dependencies: { ...manifest.dependencies, express: '^5.0.0' } };
    expect(lockMistakes(lock, loose)).toEqual(['express has the range ^5.0.0, not a version']);
    expect(lockMistakes({ ...lock, lockfileVersion: 2 }, manifest)).toEqual(['lockfileVersion is 2, not 3']);
  });

  test.each([
    ['path-to-regexp', '8.3.9'],
    ['path-to-regexp', '0.1.12'],
    ['path-to-regexp', '8.4.0-beta.1'],
    ['body-parser', '2.2.0'],
    ['node-forge', '1.4.0'],
    ['jws', '4.0.0'],
    ['express-rate-limit', '8.2.1'],
    ['joi', 'next'],
    ['colors', '1.4.1'],
  ])('%s %s in production, but not in development', (name, version) => {
    const nested = `node_modules/express/node_modules/${name}`;
    expect(versionMistakes(changed(nested, { version }))).toHaveLength(1);
    expect(versionMistakes(changed(nested, { version, dev: true }))).toEqual([]);
  });

  test.each(['GPL-3.0-only', 'AGPL-3.0', 'SEE LICENSE IN LICENSE', 'UNLICENSED', '', '(MIT AND GPL-2.0)'])(
    'the licence "%s"',
    (license) => {
      expect(licenceMistakes(changed(path, { license }))).toHaveLength(1);
      expect(licenceMistakes(changed(path, { license, dev: true }))).toEqual([]);
    },
  );

  test('an alternative licence is enough', () => {
    expect(licenceMistakes(changed(path, { license: '(GPL-2.0 OR MIT)' }))).toEqual([]);
  });
});
