import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileProject } from '../../support/compiled.ts';
import { temporaryFolder } from '../../support/service.ts';
import { digitsOf, showSpread } from '../../support/figures.ts';
import type { Goal } from './goals.ts';
import { Generator, type Cell } from './measure.ts';
import { report, table, type Section } from './report.ts';
import { batching } from './scenarios/batching.ts';
import { before } from './scenarios/before.ts';
import { observing } from './scenarios/observing.ts';
import { allCells, matrix, quickCells } from './scenarios/matrix.ts';
import { models } from './scenarios/models.ts';
import { protocol } from './scenarios/protocol.ts';
import { routing } from './scenarios/routing.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { slow } from './scenarios/slow.ts';
import { start } from './scenarios/start.ts';
import { state } from './scenarios/state.ts';
import { workers } from './scenarios/workers.ts';

/*
 * Measures how fast the service is, compared with Node alone and other servers; figures and a plot. By default all scenarios.
 *
 *     npm run bench -- [SCENARIO ...] [--rounds 5] [--seconds 3] [--only 1x32,32x32] [--servers bare,mlapi] [--quick]
 *     npm run bench -- before --against CHECKOUT [--only 1x32]
 *
 * `before` compares this build with another checkout of the project, whose packages are installed.
 */
// Each process and folder of a run adds a listener, to be removed at the end.
process.setMaxListeners(0);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    servers: { type: 'string' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    against: { type: 'string' },
  },
});
const scenarios: Readonly<Record<string, Scenario>> = {
  matrix,
  slow,
  batching,
  protocol,
  workers,
  models,
  state,
  observing,
  routing,
  start,
  ...(values.against !== undefined && { before: before(compileOther(values.against)) }),
};
const { quick } = values;
const unknown = positionals.filter((name) => !(name in scenarios));
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(scenarios).join(', ')}`);
const seconds = Number(values.seconds ?? (quick ? 1 : 3));
const pace = { rounds: Number(values.rounds ?? (quick ? 3 : 5)), seconds, warmUpSeconds: Math.min(1, seconds / 2) };

const home = compileProject(temporaryFolder(), 'test/assurance/bench/tsconfig.build.json');
const bench = {
  home,
  generator: new Generator(home),
  pace,
  cells: values.only === undefined ? (quick ? quickCells : allCells) : values.only.split(',').map(readCell),
  names: (values.servers ?? (quick ? 'empty,bare,mlapi' : 'empty,bare,mlapi,flask,fastapi')).split(','),
  say: (line: string) => void process.stdout.write(`${line}\n`),
};
// A quick measurement must not replace a thorough one.
const folder = values.out ?? (quick ? 'var/bench' : 'files/reports/bench');
let goals: Goal[] = [];
for (const name of positionals.length === 0 ? Object.keys(scenarios) : positionals) {
  const section = await scenarios[name]!(bench).catch(fail);
  show(section);
  // Written at once, since a later scenario may fail.
  goals = report({ [name]: section }, pace, folder);
}
process.stdout.write('\n');
for (const { name, isMet, figure, bound } of goals)
  process.stdout.write(`${isMet ? 'yes' : 'NO '}  ${name}: ${figure}; ${bound}\n`);
process.stdout.write(`${folder}/bench.md\n`);

function show({ title, results, facts, notes }: Section): void {
  process.stdout.write(`\n${title}\n${notes.join('\n')}\n`);
  for (const { name, spread } of facts) process.stdout.write(`${name}: ${showSpread(spread, digitsOf(spread))}\n`);
  for (const result of results) process.stdout.write(`\n${result.title}\n${table(result).join('\n')}\n`);
}

/** Does not wait for running servers, which end with this process. */
function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}

/** Starts the service of another checkout with its own packages, without assuming where its benchmark is. */
function compileOther(root: string): string {
  return compileProject(temporaryFolder(), 'tsconfig.build.json', resolve(root));
}

function readCell(text: string): Cell {
  const [, rows, connections] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (rows === undefined) throw new Error(`"${text}" is not ROWSxCONNECTIONS`);
  return { rows: Number(rows), connections: Number(connections) };
}
