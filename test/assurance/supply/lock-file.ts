import { readFileSync } from 'node:fs';

/** A package of `package-lock.json`. */
export interface Locked {
  readonly version?: string;
  readonly name?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface LockFile {
  readonly lockfileVersion: number;
  /** By path: `node_modules/express`; the project itself is ''. */
  readonly packages: Readonly<Record<string, Locked>>;
}

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
}

const registry = 'https://registry.npmjs.org/';

/** Licences allowed for production packages: those that require only a notice. */
const allowedLicences = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/** The lowest version without a known vulnerability; `none`: there is no such version. */
const leastVersions: Readonly<Record<string, string>> = {
  '@hapi/hoek': '9.0.3',
  '@sideway/formula': '3.0.1',
  async: '3.2.2',
  'body-parser': '2.3.0',
  colors: 'none',
  cookie: '0.7.0',
  express: '5.2.1',
  'express-rate-limit': '8.2.2',
  hoek: 'none',
  joi: '18.2.5',
  jsonwebtoken: '9.0.3',
  jws: '4.0.1',
  'node-forge': '1.4.1',
  'onnxruntime-node': '1.30.0',
  'path-to-regexp': '8.4.0',
  qs: '6.14.1',
  semver: '7.5.2',
  send: '1.1.0',
  'serve-static': '2.1.0',
};

export function readLock(path = 'package-lock.json'): LockFile {
  return JSON.parse(readFileSync(path, 'utf8')) as LockFile;
}

export function readManifest(path = 'package.json'): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

/** The packages that production installs, on any platform, by path. */
export function productionPackages(lock: LockFile): [path: string, locked: Locked][] {
  return packages(lock).filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true);
}

/** Reasons why an install depends on more than the lock file's bytes, or runs code that is not allowed. */
export function lockMistakes(lock: LockFile, manifest: Manifest): string[] {
  const mistakes = lock.lockfileVersion === 3 ? [] : [`lockfileVersion is ${lock.lockfileVersion}, not 3`];
  for (const [path, locked] of packages(lock)) {
    const { integrity = '', link, name, resolved, hasInstallScript } = locked;
    if (link === true) mistakes.push(`${path} is a link`);
    else if (!/^sha512-[\w+/]{86}==$/.test(integrity)) mistakes.push(`${path} has no SHA-512`);
    if (name !== undefined && name !== nameOf(path)) mistakes.push(`${path} is ${name} in disguise`);
    if (resolved?.startsWith(registry) === false) mistakes.push(`${path} does not come from the registry`);
    if (hasInstallScript === true && manifest.allowScripts?.[nameOf(path)] !== false)
      mistakes.push(`${path} has an install script that allowScripts does not deny`);
  }
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) mistakes.push(`${name} has the range ${version}, not a version`);
    else if (lock.packages[`node_modules/${name}`]?.version !== version)
      mistakes.push(`${name} is not locked at ${version}`);
  }
  return mistakes;
}

/** Production packages with a known vulnerability. */
export function versionMistakes(lock: LockFile): string[] {
  return productionPackages(lock).flatMap(([path, { version = '' }]) => {
    const least = leastVersions[nameOf(path)];
    if (least === undefined) return [];
    if (least === 'none') return [`${path} has no good version`];
    return isBelow(version, least) ? [`${path} is ${version}, below ${least}`] : [];
  });
}

/** Production packages with an unknown or disallowed licence; one allowed alternative is enough. */
export function licenceMistakes(lock: LockFile): string[] {
  return productionPackages(lock)
    .filter(([, { license = '' }]) => {
      const alternatives = license.replace(/^\((.*)\)$/, '$1').split(' OR ');
      return !alternatives.some((alternative) => allowedLicences.has(alternative));
    })
    .map(([path, { license = 'unknown' }]) => `${path} is licensed under ${license}`);
}

function packages(lock: LockFile): [string, Locked][] {
  return Object.entries(lock.packages).filter(([path]) => path !== '');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function isBelow(version: string, least: string): boolean {
  const [found, wanted] = [version, least].map((text) => text.split(/[.-]/).map(Number)) as [number[], number[]];
  for (let index = 0; index < 3; index++) {
    const difference = (found[index] ?? NaN) - wanted[index]!;
    if (Number.isNaN(difference)) return true;
    if (difference !== 0) return difference < 0;
  }
  // 8.4.0-beta.1 comes before 8.4.0.
  return version.includes('-');
}
