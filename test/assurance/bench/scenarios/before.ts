import { runContests, shareOf, showCell, type Result } from '../compare.ts';
import { showSpread } from '../../../support/figures.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench, Scenario } from './scenario.ts';

/** Two processes of one build differ by several percent for their whole lives, so each is restarted this often. */
const starts = 5;

/**
 * The cost of a change: this build compared with an older one, in one run. Both are compiled, in production mode, with all features on.
 * @param older the folder of the older one, compiled as the benchmark compiles this one
 */
export function before(older: string): Scenario {
  return async (bench: Bench): Promise<Section> => {
    const { pace, cells, say } = bench;
    const measured: Result[][] = [];
    for (let start = 0; start < starts; start += 1) {
      const homes: [string, string][] = [
        ['before', older],
        ['now', bench.home],
      ];
      // Every second time the other one is started and measured first.
      if (start % 2 === 1) homes.reverse();
      const rounds = Math.max(1, Math.ceil(pace.rounds / starts));
      measured.push(await measure(homes, { ...bench, pace: { ...pace, rounds } }));
    }
    const results = cells.map((_, cell) => join(measured.map((one) => one[cell]!)));
    const facts = results.map((result) => ({
      name: `CPU a request, now / before, ${showCell(result.cell)}`,
      spread: shareOf(result, 'now', 'before', 'cpuMicroseconds'),
    }));
    for (const { name, spread } of facts) say(`${name}: ${showSpread(spread)}`);
    const notes = [`Both are started ${starts} times, and measured in turn.`];
    return { title: 'Beside the build before', notes, results, facts };
  };
}

async function measure(homes: readonly [string, string][], { generator, pace, say, cells }: Bench): Promise<Result[]> {
  const servers = new Map<string, Awaited<ReturnType<typeof startService>>>();
  try {
    for (const [name, home] of homes) servers.set(name, await startService({ home }));
    const contests = cells.map(({ rows, connections }) => {
      return { title: `before ${rows}x${connections}`, cell: { rows, connections }, servers, base: 'before' };
    });
    return await runContests(contests, generator, pace, say);
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

/** Joins the rounds of several runs of one contest. */
function join(results: readonly Result[]): Result {
  const measurements = Object.fromEntries(
    ['before', 'now'].map((name) => [name, results.flatMap((result) => result.measurements[name] ?? [])]),
  );
  return { ...results[0]!, measurements };
}
