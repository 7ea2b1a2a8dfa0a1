import { freePort } from '../../../support/nginx.ts';
import { runContests } from '../compare.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

/** The cost of the request log and the metrics together. */
export async function observing({ home, generator, pace, say }: Bench): Promise<Section> {
  // Without a log, the port chosen by the system is unknown.
  const neither = { MLAPI_LOG_LEVEL: 'error', MLAPI_METRICS_PORT: '', MLAPI_PORT: String(await freePort()) };
  const servers = new Map([
    ['neither', await startService({ home, variables: neither })],
    ['log and metrics', await startService({ home })],
  ]);
  const contest = { title: 'observing', cell: { rows: 1, connections: 32 }, servers, base: 'neither' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = ['"neither": `MLAPI_LOG_LEVEL=error` and no metrics port. The log of the other stands in a file.'];
    return { title: 'Log and metrics', notes, results, facts: [] };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}
