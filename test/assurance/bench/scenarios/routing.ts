import { runContests } from '../compare.ts';
import type { LoadRequest } from '../load/types.ts';
import type { Server } from '../measure.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

/** The cost of routing: the same prediction by the fast path and by Express, and model information by Express. */
export async function routing({ home, generator, pace, say }: Bench): Promise<Section> {
  const service = await startService({ home });
  const asking = (requests: Server['requests']): Server => ({ ...service, requests });
  const servers = new Map([
    ['prediction, fast path', service],
    ['prediction, Express', asking((rows) => service.requests(rows).map(withSlash))],
    ['information, Express', asking(() => service.tokens.map(getInformation))],
  ]);
  const contest = { title: 'routing', cell: { rows: 1, connections: 32 }, servers, base: 'prediction, fast path' };
  try {
    const results = await runContests([contest], generator, pace, say);
    const notes = [
      'One process answers all three in turn. A slash at the end of its path sends a prediction by Express.',
    ];
    return { title: 'Fast path and Express', notes, results, facts: [] };
  } finally {
    await service.stop();
  }
}

function withSlash({ text, predictions }: LoadRequest): LoadRequest {
  return { text: text.replace('/api/ml ', '/api/ml/ '), predictions };
}

function getInformation(token: string): LoadRequest {
  const head = `GET /api/models/nsl-kdd-classifier HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`;
  return { text: head, predictions: null };
}
