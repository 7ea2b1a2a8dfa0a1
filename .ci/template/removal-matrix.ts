// `npm run removal-matrix`: removes each feature from a copy, all of them together, and three mixes, and checks what remains.
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { features, isFeature, type FeatureName } from './features.ts';
import { allBut } from './remove-features.ts';
import type { Outcome } from './try-removal.ts';

const allScripts = ['lint', 'test'];
const names = Object.keys(features).filter(isFeature);
const root = resolve(import.meta.dirname, '../..');
const reportPath = join(root, 'files/reports/removal.md');

interface Removal {
  readonly title: string;
  readonly names: readonly FeatureName[];
  /** npm scripts that must pass in what remains. */
  readonly scripts: readonly string[];
}

/** Random combinations, reproducible by their seed. */
function mixes(seed: number): Removal[] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return [1, 2, 3].map((index) => {
    const mixed = names.filter(() => random() < 0.4);
    return { title: `mix ${index} of seed ${seed}: ${mixed.join(', ')}`, names: mixed, scripts: allScripts };
  });
}

function report(tried: readonly [Removal, Outcome][]): string {
  const rows = tried.map(([{ title, scripts }, { files, lines, problems }]) => {
    const verdict = problems.length === 0 ? 'passed' : `${problems.length} problems`;
    return `| ${title} | ${files} | ${lines} | ${['types', 'words', ...scripts].join(', ')} | ${verdict} |`;
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
    /** A feature, several with commas between them, or `all`. */
    only: { type: 'string' },
    /** Types and the search for words for each feature, plus lint and tests after removing all: what fits into CI. */
    short: { type: 'boolean' },
    seed: { type: 'string' },
  },
});
const scriptsOfOne = values.short === true ? [] : allScripts;
const all = { title: 'all (the core remains)', names: allBut(), scripts: allScripts };

function planned(): Removal[] {
  const { only, short, seed } = values;
  if (only === 'all') return [all];
  if (only !== undefined) return [{ title: only, names: only.split(',').map(named), scripts: scriptsOfOne }];
  const single = names.map((name) => ({ title: name, names: [name], scripts: scriptsOfOne }));
  return short === true ? [...single, all] : [...single, all, ...mixes(Number(seed ?? Date.now() % 100_000))];
}

function named(name: string): FeatureName {
  if (isFeature(name)) return name;
  console.error(`There is no feature called ${name}. These are: ${names.join(', ')}.`);
  process.exit(1);
}

async function run(removal: Removal): Promise<[Removal, Outcome]> {
  const words = [...removal.names, ...removal.scripts.map((script) => `--check=${script}`)];
  const program = join(import.meta.dirname, 'try-removal.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...words], {
    maxBuffer: 1e9,
  });
  const outcome = JSON.parse(stdout) as Outcome;
  const { files, lines, problems } = outcome;
  console.log(
    `${problems.length === 0 ? 'passed' : 'FAILED'}: without ${removal.title}, ${lines} lines in ${files} files`,
  );
  for (const problem of problems) console.log(`  ${problem}`);
  return [removal, outcome];
}

// Removals that run tests run one at a time.
const plan = planned();
const outcomes = new Map<Removal, Outcome>();
for (const [removal, outcome] of await runSideBySide(plan.filter((removal) => removal.scripts.length === 0)))
  outcomes.set(removal, outcome);
for (const removal of plan.filter((each) => each.scripts.length > 0)) outcomes.set(...(await run(removal)));
if (values.only === undefined && values.short !== true) {
  writeFileSync(reportPath, report(plan.map((removal) => [removal, outcomes.get(removal)!])));
  execFileSync('npx', ['prettier', '--write', '--log-level', 'error', reportPath], { cwd: root });
}
process.exitCode = [...outcomes.values()].some(({ problems }) => problems.length > 0) ? 1 : 0;

/** Runs as many at a time as there are cores. */
async function runSideBySide(removals: readonly Removal[]): Promise<[Removal, Outcome][]> {
  const waiting = [...removals];
  const done: [Removal, Outcome][] = [];
  const take = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) done.push(await run(next));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, take));
  return done;
}
