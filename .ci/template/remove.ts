// `npm run remove -- oip csv`, `npm run remove -- --all`, `npm run remove -- --list`: removes features from a clone.
import { execFileSync, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { allBut, linesOf, removeFeatures, withDependents } from './remove-features.ts';
import { features, isFeature, type FeatureName } from './features.ts';

const root = resolve(import.meta.dirname, '../..');

function list(): void {
  const width = Math.max(...Object.keys(features).map((name) => name.length));
  for (const name of Object.keys(features).filter(isFeature)) {
    const others = withDependents([name]).filter((other) => other !== name);
    const along = others.length === 0 ? '' : `; takes ${others.join(', ')} along`;
    console.log(
      `${name.padEnd(width)}  ${String(linesOf(root, name)).padStart(6)} lines  ${features[name].title}${along}`,
    );
  }
}

/** Uncommitted changes could not be distinguished from those of the removal. */
function refuseChanges(): void {
  const changes = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' });
  if (changes === '') return;
  console.error(
    'There are changes that are not committed. Commit them first: then "git checkout . && git clean -fd" undoes a removal.',
  );
  process.exit(1);
}

const nextSteps =
  'Everything is removed. Repair these places by hand, run "npm run lint && npm test", and commit; or undo the removal with "git checkout . && git clean -fd".';

function check(): void {
  console.log('Now "npm run lint" and "npm test" check what remains, for some five minutes.');
  const failed = ['lint', 'test'].filter(
    (script) => spawnSync('npm', ['run', script], { cwd: root, stdio: 'inherit' }).status !== 0,
  );
  if (failed.length === 0) {
    console.log('Both passed. Read "git diff", and commit.');
    return;
  }
  console.error(`\nnpm run ${failed.join(' and npm run ')} failed, see above. ${nextSteps}`);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, all: { type: 'boolean' }, unchecked: { type: 'boolean' } },
});
const unknown = positionals.filter((name) => !isFeature(name));
if (values.list === true) list();
else if (unknown.length > 0 || (positionals.length === 0 && values.all !== true)) {
  if (unknown.length > 0) console.error(`There is no feature called ${unknown.join(', ')}. These are:\n`);
  else console.error('Usage: npm run remove -- NAME... | --all | --list. These are the features:\n');
  list();
  process.exitCode = 1;
} else {
  refuseChanges();
  const names = withDependents(values.all === true ? allBut() : (positionals as FeatureName[]));
  const { deleted, changed, leftovers } = removeFeatures(root, names);
  console.log(`Removed ${names.join(', ')}: ${deleted} files deleted, ${changed} changed.`);
  for (const { place, problem } of leftovers) console.log(`  ${place}  ${problem}`);
  if (leftovers.length > 0) {
    console.log(`${leftovers.length} places need a look. ${nextSteps}`);
    process.exitCode = 1;
  } else if (values.unchecked !== true) check();
}
