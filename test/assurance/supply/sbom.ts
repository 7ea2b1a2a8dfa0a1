import { productionPackages, type LockFile } from './lock-file.ts';

interface Component {
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly unknown[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
  readonly components?: readonly Component[];
}

/** The part of a CycloneDX document that is read. */
export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly Component[];
}

/** Differences between a bill of materials and the lock file. */
export function sbomMistakes(sbom: Sbom, lock: LockFile): string[] {
  const mistakes = sbom.bomFormat === 'CycloneDX' ? [] : [`it is ${sbom.bomFormat}, not CycloneDX`];
  const listed = new Set<string>();
  for (const { name, group, version = '', purl, licenses = [], properties = [] } of flatten(sbom.components)) {
    const path = properties.find((property) => property.name === 'cdx:npm:package:path')?.value ?? name;
    const full = group === undefined ? name : `${group}/${name}`;
    listed.add(`${path} ${version}`);
    if (purl !== `pkg:npm/${full.replace('@', '%40')}@${version}`) mistakes.push(`${path} has no good package URL`);
    if (licenses.length === 0) mistakes.push(`${path} has no licence`);
  }
  const locked = new Set(productionPackages(lock).map(([path, { version = '' }]) => `${path} ${version}`));
  for (const item of locked) if (!listed.has(item)) mistakes.push(`${item} is missing`);
  for (const item of listed) if (!locked.has(item)) mistakes.push(`${item} is not a production package`);
  return mistakes;
}

function flatten(components: readonly Component[]): Component[] {
  return components.flatMap((component) => [component, ...flatten(component.components ?? [])]);
}
