// `npm run rename -- my-api`: gives a clone its own name, in the few places that people and programs read.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const [name = '', ...rest] = process.argv.slice(2);

if (!/^[a-z][a-z0-9-]{1,40}$/.test(name) || rest.length > 0) {
  console.error(
    'Usage: npm run rename -- NAME. A name has 2 to 41 characters: lower-case letters, digits and hyphens.',
  );
  process.exit(1);
}

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string };
const before = packageJson.name;

/** Replaces a text that must occur exactly this many times. */
function replace(path: string, ...pairs: readonly [from: string, to: string, times?: number][]): void {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [from, to, times = 1] of pairs) {
    const parts = text.split(from);
    if (parts.length <= times) {
      console.error(`${path} no longer says ${from}: rename it by hand.`);
      process.exit(1);
    }
    text =
      parts.slice(0, times + 1).join(to) +
      parts
        .slice(times + 1)
        .map((part) => from + part)
        .join('');
  }
  writeFileSync(join(root, path), text);
}

replace('package.json', [`"name": "${before}"`, `"name": "${name}"`]);
replace('package-lock.json', [`"name": "${before}"`, `"name": "${name}"`, 2]);
replace('mlapi/version.ts', [`serviceName = '${before}'`, `serviceName = '${name}'`]);
replace('README.md', [`# ${before}\n`, `# ${name}\n`]);
// The beginning of the OpenAPI description, unless that was removed.
if (readFileSync(join(root, 'README.md'), 'utf8').includes(`"title":"${before}"`))
  replace('README.md', [`"title":"${before}"`, `"title":"${name}"`]);
replace('files/mlapi.postman_collection.json', [`"name": "${before}"`, `"name": "${name}"`]);

console.log(`Renamed ${before} to ${name}: package, documents, health, README.`);
console.log(
  'The folder mlapi/, the variables MLAPI_... and the metrics mlapi_... keep their names, so that later fixes of the template merge.',
);
console.log('Commit this before you remove features.');
