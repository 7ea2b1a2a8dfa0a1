import { runContests, shareOf, showCell } from '../compare.ts';
import { showSpread } from '../figures.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench, Scenario } from './scenario.ts';

/**
 * This build beside an older one, in one run: what a change costs. Both are compiled, in production, with everything on.
 * @param older where the older one lies, compiled as the benchmark compiles this one
 */
export function before(older: string): Scenario {
  return async ({ home, generator, pace, say, cells }: Bench): Promise<Section> => {
    const servers = new Map([
      ['before', await startService({ home: older })],
      ['now', await startService({ home })],
    ]);
    try {
      const contests = cells.map(({ rows, connections }) => {
        return { title: `before ${rows}x${connections}`, cell: { rows, connections }, servers, base: 'before' };
      });
      const results = await runContests(contests, generator, pace, say);
      const facts = results.map((result) => ({
        name: `CPU a request, now / before, ${showCell(result.cell)}`,
        spread: shareOf(result, 'now', 'before', 'cpuMicroseconds'),
      }));
      for (const { name, spread } of facts) say(`${name}: ${showSpread(spread)}`);
      return { title: 'Beside the build before', notes: ['Both are measured in turn.'], results, facts };
    } finally {
      for (const server of servers.values()) await server.stop();
    }
  };
}
