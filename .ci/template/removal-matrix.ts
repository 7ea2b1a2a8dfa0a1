// `npm run removal-matrix`: removes each feature from a copy, then all together, then three random combinations; checks what remains.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { features, isFeature, type FeatureName } from './features.ts';
import { countLines, filesUnder } from './project-files.ts';
import { allBut, removeFeatures, withDependents } from './remove-features.ts';

const root = resolve(import.meta.dirname, '../..');
const reportPath = join(root, 'files/reports/removal.md');

interface Outcome {
  readonly title: string;
  readonly files: number;
  readonly lines: number;
  readonly problems: readonly string[];
  readonly checks: string;
}

const notCopied = new Set(['.git', 'node_modules', 'build', 'coverage', 'var'].map((name) => join(root, name)));

/** Copies the project as it is, with its packages. */
function copy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-removal-'));
  cpSync(root, folder, { recursive: true, filter: (path) => !notCopied.has(path) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function run(folder: string, script: string): string | undefined {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', script], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (status === 0) return undefined;
  return `npm run ${script}:\n${`${stdout}\n${stderr}`.trimEnd().split('\n').slice(-60).join('\n')}`;
}

/** @param scripts npm scripts that must pass in what remains; the types must always */
function remove(title: string, names: readonly FeatureName[], scripts: readonly string[]): Outcome {
  const folder = copy();
  try {
    const { leftovers } = removeFeatures(folder, withDependents(names));
    const problems = leftovers.map(({ place, problem }) => `${place}  ${problem}`);
    for (const script of ['lint:types', ...scripts]) problems.push(...[run(folder, script) ?? []].flat());
    const files = filesUnder(folder, 'mlapi').length;
    return {
      title,
      files,
      lines: countLines(folder, 'mlapi'),
      problems,
      checks: ['types', 'words', ...scripts].join(', '),
    };
  } finally {
    if (process.env.KEEP_COPIES === undefined) rmSync(folder, { recursive: true });
    else console.log(`kept: ${folder}`);
  }
}

/** Random combinations, reproducible by their seed. */
function mixes(seed: number): [string, FeatureName[]][] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return [1, 2, 3].map((index) => {
    const names = Object.keys(features)
      .filter(isFeature)
      .filter(() => random() < 0.4);
    return [`mix ${index} of seed ${seed}: ${names.join(', ')}`, names];
  });
}

function report(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ title, files, lines, problems, checks }) => {
    const verdict = problems.length === 0 ? 'passed' : `${problems.length} problems`;
    return `| ${title} | ${files} | ${lines} | ${checks} | ${verdict} |`;
  });
  return `# What remains when features are removed

Made by \`npm run removal-matrix\`: each removal in a copy, and then what remains is checked.

| removed | files of \`mlapi/\` | lines | checked | verdict |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    /** Types and the search for words for each feature, plus lint and tests after removing all: what fits into CI. */
    short: { type: 'boolean' },
    seed: { type: 'string' },
  },
});
const scripts = ['lint', 'test'];
const single = Object.keys(features)
  .filter(isFeature)
  .map((name): [string, FeatureName[]] => [name, [name]]);
const all: [string, FeatureName[]] = ['all (the core remains)', allBut()];
const wanted: [string, FeatureName[], readonly string[]][] =
  values.short === true
    ? [...single.map(([title, names]): [string, FeatureName[], string[]] => [title, names, []]), [...all, scripts]]
    : [...single, all, ...mixes(Number(values.seed ?? Date.now() % 100_000))].map(([title, names]) => [
        title,
        names,
        scripts,
      ]);
const outcomes: Outcome[] = [];
for (const [title, names, checks] of wanted) {
  if (values.only !== undefined && title !== values.only && !(values.only === 'all' && title.startsWith('all ')))
    continue;
  const outcome = remove(title, names, checks);
  outcomes.push(outcome);
  console.log(
    `${outcome.problems.length === 0 ? 'passed' : 'FAILED'}: without ${title}, ${outcome.lines} lines in ${outcome.files} files`,
  );
  for (const problem of outcome.problems) console.log(`  ${problem}`);
}
if (values.only === undefined && values.short !== true) {
  writeFileSync(reportPath, report(outcomes));
  execFileSync('npx', ['prettier', '--write', '--log-level', 'error', reportPath], { cwd: root });
}
process.exitCode = outcomes.some(({ problems }) => problems.length > 0) ? 1 : 0;
