import { freePort } from '../../support/nginx.ts';
import { runContests } from '../compare.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

/** What a line for every request costs. */
export async function logs({ home, generator, pace, say }: Bench): Promise<Section> {
  const servers = new Map([
    [
      'no lines',
      await startService({ home, variables: { MLAPI_LOG_LEVEL: 'error', MLAPI_PORT: String(await freePort()) } }),
    ],
    ['a line a request', await startService({ home })],
  ]);
  const contest = { title: 'logs', cell: { rows: 1, connections: 32 }, servers, base: 'no lines' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = [
      'The log stands in a file. Both measure for their metrics, whose share stands in [the profile](profile.md).',
    ];
    return { title: 'The access log', notes, results, facts: [] };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}
