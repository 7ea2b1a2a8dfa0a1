import { readFileSync } from 'node:fs';
import { readLock } from './lock-file.ts';
import { sbomMistakes, type Sbom } from './sbom.ts';

// For `npm run sbom`: compares the given document with the lock file.
const path = process.argv[2] ?? '';
const sbom = JSON.parse(readFileSync(path, 'utf8')) as Sbom;
const mistakes = sbomMistakes(sbom, readLock());
for (const mistake of mistakes) console.error(mistake);
if (mistakes.length > 0) process.exitCode = 1;
else console.log(`${path}: CycloneDX ${sbom.specVersion}, all production packages of package-lock.json and no other`);
