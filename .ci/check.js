// `npm run check [-- BASE]`: types, then eslint, prettier and the nearest quick tests of what differs from BASE (main), in half a minute.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

/** So many test files take some twenty seconds on two cores. */
const maxTests = 10;
const [given] = process.argv.slice(2);

const lines = (program, ...words) => execFileSync(program, words, { encoding: 'utf8' }).split('\n').filter(Boolean);
const isRevision = (name) => spawnSync('git', ['rev-parse', '--quiet', '--verify', `${name}^{commit}`]).status === 0;

function run(program, ...words) {
  const { status } = spawnSync(program, words, { stdio: 'inherit', env: { ...process.env, TEST_GROUP: 'quick' } });
  if (status !== 0) process.exitCode = 1;
}

/** Changed or new since the branch left its base, and not deleted. */
function changedFiles() {
  const base = given ?? ['main', 'origin/main'].find(isRevision) ?? 'HEAD';
  const [fork = base] = lines('git', 'merge-base', base, 'HEAD');
  const untracked = lines('git', 'ls-files', '--others', '--exclude-standard');
  return [...new Set([...lines('git', 'diff', '--name-only', fork), ...untracked])].filter((path) => existsSync(path));
}

/** 0: changed itself; 1: imports a changed file; 2: lies in the folder of its name; 3: anything else that reaches one. */
function distance(test, changed) {
  if (changed.includes(test)) return 0;
  const text = readFileSync(test, 'utf8');
  if (changed.some((path) => text.includes(`/${basename(path)}'`))) return 1;
  const folder = test.split('/')[1];
  return changed.some((path) => path.split('/')[1] === folder) ? 2 : 3;
}

const changed = changedFiles();
const typed = changed.filter((path) => path.endsWith('.ts'));
const linted = changed.filter((path) => /\.(?:ts|js|mjs|cjs)$/.test(path));
console.log(`${changed.length} changed files`);

run('npm', 'run', '--silent', 'lint:types');
if (linted.length > 0) run('npm', 'run', '--silent', 'lint:rules', '--', '--no-warn-ignored', ...linted);
if (changed.length > 0) run('npm', 'run', '--silent', 'lint:format', '--', '--ignore-unknown', ...changed);
if (typed.length > 0) {
  const listing = ['run', '--silent', 'test', '--', '--listTests', '--findRelatedTests', ...typed];
  const env = { ...process.env, TEST_GROUP: 'quick' };
  const related = execFileSync('npm', listing, { encoding: 'utf8', env }).split('\n').filter(Boolean);
  const nearest = related
    .map((path) => relative(process.cwd(), path))
    .map((path) => ({ path, distance: distance(path, changed) }))
    .sort((one, other) => one.distance - other.distance)
    .slice(0, maxTests)
    .map(({ path }) => path);
  if (nearest.length > 0) run('npm', 'test', '--silent', '--', '--runTestsByPath', ...nearest);
  if (related.length > nearest.length)
    console.log(`left to npm test: ${related.length - nearest.length} related files`);
}
