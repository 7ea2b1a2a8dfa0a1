// `npm run check [-- BASE]`: types, eslint and prettier, then the nearest quick tests for the changes since BASE (main), in half a minute.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

const maxTests = 10;
/** Test files run until their last durations add up to this; changed ones always run. */
const testBudgetMs = 10_000;
/** The assumed duration of a file that has not run yet. */
const likelyMs = 1_500;
const timesPath = 'node_modules/.cache/check-times.json';
const resultPath = 'node_modules/.cache/check-result.json';
const [given] = process.argv.slice(2);
const env = { ...process.env, TEST_GROUP: 'quick', ...(process.stdout.isTTY && { FORCE_COLOR: '1' }) };

const lines = (program, ...words) => execFileSync(program, words, { encoding: 'utf8' }).split('\n').filter(Boolean);
const isRevision = (name) => spawnSync('git', ['rev-parse', '--quiet', '--verify', `${name}^{commit}`]).status === 0;
const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

/** Runs in parallel with others; its output is printed when it ends. */
function run(...words) {
  return new Promise((resolve) => {
    const child = spawn('npm', words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    child.once('close', (code) => {
      process.stdout.write(text);
      if (code !== 0) process.exitCode = 1;
      resolve();
    });
  });
}

/** Files changed or added since the branch left its base, without deleted ones. */
function changedFiles() {
  const base = given ?? ['main', 'origin/main'].find(isRevision) ?? 'HEAD';
  const [fork = base] = lines('git', 'merge-base', base, 'HEAD');
  const untracked = lines('git', 'ls-files', '--others', '--exclude-standard');
  return [...new Set([...lines('git', 'diff', '--name-only', fork), ...untracked])].filter((path) => existsSync(path));
}

/** 0: changed itself; 1: imports a changed file; 2: in the folder of the same name; 3: reaches one in another way. */
function distance(test, changed) {
  if (changed.includes(test)) return 0;
  const text = readFileSync(test, 'utf8');
  if (changed.some((path) => text.includes(`/${basename(path)}'`))) return 1;
  const folder = test.split('/')[1];
  return changed.some((path) => path.split('/')[1] === folder) ? 2 : 3;
}

/** The nearest test files within the budget, fastest first among equally near ones. */
function nearest(tests, changed) {
  const times = readJson(timesPath) ?? {};
  const sorted = tests
    .map((path) => ({ path, distance: distance(path, changed), ms: times[path] ?? likelyMs }))
    .sort((one, other) => one.distance - other.distance || one.ms - other.ms)
    .slice(0, maxTests);
  let totalMs = 0;
  return sorted.filter(({ distance, ms }) => (totalMs += ms) <= testBudgetMs || distance === 0).map(({ path }) => path);
}

/** Saves the duration of each file for the next run. */
function keepTimes() {
  const times = readJson(timesPath) ?? {};
  for (const { name, startTime, endTime } of readJson(resultPath)?.testResults ?? [])
    times[relative(process.cwd(), name)] = endTime - startTime;
  writeFileSync(timesPath, JSON.stringify(times));
}

const changed = changedFiles();
const typed = changed.filter((path) => path.endsWith('.ts'));
const linted = changed.filter((path) => /\.(?:ts|js|mjs|cjs)$/.test(path));
console.log(`${changed.length} changed files`);

await Promise.all([
  run('run', '--silent', 'lint:types'),
  ...(linted.length > 0 ? [run('run', '--silent', 'lint:rules', '--', '--no-warn-ignored', ...linted)] : []),
  ...(changed.length > 0 ? [run('run', '--silent', 'lint:format', '--', '--ignore-unknown', ...changed)] : []),
]);
if (typed.length > 0) {
  const listing = ['run', '--silent', 'test', '--', '--listTests', '--findRelatedTests', ...typed];
  const related = execFileSync('npm', listing, { encoding: 'utf8', env }).split('\n').filter(Boolean);
  const chosen = nearest(
    related.map((path) => relative(process.cwd(), path)),
    changed,
  );
  if (chosen.length > 0) {
    await run('test', '--silent', '--', '--json', `--outputFile=${resultPath}`, '--runTestsByPath', ...chosen);
    keepTimes();
  }
  if (related.length > chosen.length) console.log(`left to npm test: ${related.length - chosen.length} related files`);
}
