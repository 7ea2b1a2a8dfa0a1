import { runContests } from '../compare.ts';
import { Generator } from '../measure.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

/** Is a second worker on a second core worth it? */
export async function workers({ home, pace, say }: Bench): Promise<Section> {
  const prefix: readonly string[] = [];
  const servers = new Map([
    ['1 worker', await startService({ home, prefix })],
    ['2 workers', await startService({ home, prefix, workers: 2 })],
  ]);
  const contest = { title: 'workers', cell: { rows: 1, connections: 64 }, servers, base: '1 worker' };
  try {
    const results = await runContests([contest], new Generator(home, prefix), pace, say);
    const notes = [
      'Nothing is pinned: the load generator takes its share of the same cores, so that two workers never have two cores whole.',
    ];
    return { title: 'Two workers beside one', notes, results, facts: [] };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}
