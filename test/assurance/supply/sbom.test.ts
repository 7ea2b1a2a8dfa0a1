import { expect, test } from '@jest/globals';
import type { LockFile } from './lock-file.ts';
import { sbomMistakes, type Sbom } from './sbom.ts';

const lock: LockFile = {
  lockfileVersion: 3,
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a/node_modules/@b/c': { version: '2.0.0' },
    'node_modules/d': { version: '3.0.0', dev: true },
  },
};

function component(path: string, version: string, purl: string) {
  const [, group, name = ''] = /node_modules\/(?:(@[^/]+)\/)?([^/]+)$/.exec(path) ?? [];
  return {
    name,
    ...(group !== undefined && { group }),
    version,
    purl,
    licenses: [{ license: { id: 'MIT' } }],
    properties: [{ name: 'cdx:npm:package:path', value: path }],
  };
}

const a = component('node_modules/a', '1.0.0', 'pkg:npm/a@1.0.0');
const c = component('node_modules/a/node_modules/@b/c', '2.0.0', 'pkg:npm/%40b/c@2.0.0');
const good: Sbom = { bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ ...a, components: [c] }] };

test('a bill of materials lists exactly the production packages, with package URL and licence', () => {
  expect(sbomMistakes(good, lock)).toEqual([]);
});

test.each<[string, Partial<Sbom>, string]>([
  ['another format', { bomFormat: 'SPDX' }, 'it is SPDX, not CycloneDX'],
  ['a package that is missing', { components: [a] }, 'node_modules/a/node_modules/@b/c 2.0.0 is missing'],
  [
    'a development package',
    { components: [a, c, component('node_modules/d', '3.0.0', 'pkg:npm/d@3.0.0')] },
    'node_modules/d 3.0.0 is not a production package',
  ],
  ['no licence', { components: [{ ...a, licenses: [] }, c] }, 'node_modules/a has no licence'],
  ['no package URL', { components: [{ ...a, purl: 'pkg:npm/a@1.0.1' }, c] }, 'node_modules/a has no good package URL'],
])('a fault is reported: %s', (_title, change, mistake) => {
  expect(sbomMistakes({ ...good, ...change }, lock)).toEqual([mistake]);
});
