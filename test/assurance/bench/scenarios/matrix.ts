import { figureOf, runContests, type Contest, type Result } from '../compare.ts';
import { placement, type Cell, type Server } from '../measure.ts';
import { findPython, startFastapi, startFlask } from '../python.ts';
import type { Section } from '../report.ts';
import { countLines, startBare, startEmpty, startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

export const allCells: readonly Cell[] = [1, 32, 1_000].flatMap((rows) =>
  [1, 32, 256].map((connections) => ({ rows, connections })),
);
export const quickCells: readonly Cell[] = [
  { rows: 1, connections: 1 },
  { rows: 1, connections: 32 },
  { rows: 32, connections: 32 },
  { rows: 1_000, connections: 32 },
];

/** This server compared with its limits and with others, under every load. */
export async function matrix({ home, generator, pace, say, cells, names }: Bench): Promise<Section> {
  const servers = new Map<string, Server>();
  const has = (name: string) => names.includes(name);
  if (has('empty')) servers.set('empty', await startEmpty(home));
  if (has('bare')) servers.set('bare', await startBare(home));
  const service = await startService({ home });
  servers.set('mlapi', service);
  const python = has('flask') || has('fastapi') ? findPython(say) : undefined;
  if (python !== undefined && has('flask')) servers.set('flask', await startFlask(python, service));
  if (python !== undefined && has('fastapi')) servers.set('fastapi', await startFastapi(python, service));
  const before = countLines(service.logFile);
  try {
    const contests = cells.map(({ rows, connections }): Contest => {
      const base = has('bare') ? 'bare' : 'mlapi';
      const asked = new Map([...servers].filter(([name]) => name !== 'empty' || rows === 1));
      return { title: `matrix ${rows}x${connections}`, cell: { rows, connections }, servers: asked, base };
    });
    const results = await runContests(contests, generator, pace, say);
    return {
      title: 'Beside a bare server',
      notes: [...notes(servers, countLines(service.logFile) - before), ...generatorNote(results)],
      results,
      facts: [],
    };
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

/** Its own limit: the requests per second if it used its core completely. */
function generatorNote(results: readonly Result[]): string[] {
  const result = results.find(({ title, measurements }) => title === 'matrix 1x32' && 'empty' in measurements);
  if (result === undefined) return [];
  const [requests, share] = (['requestsPerSecond', 'generatorShare'] as const).map(
    (figure) => figureOf(result, 'empty', figure).median,
  ) as [number, number];
  return [
    `The load generator used ${share.toFixed(2)} of a core for ${Math.round(requests)} requests/s of the empty server: ` +
      `its own limit is about ${Math.round(requests / share / 1_000)},000 requests/s.`,
  ];
}

function notes(servers: ReadonlyMap<string, Server>, logLines: number): string[] {
  const all = [
    'One process each (`mlapi`: one worker, and the supervisor, which serves nothing: "+" in the table). ' +
      `${placement}; all of them stay up for the whole run, and are measured in turn.`,
    '- `empty`: `node:http` answering nothing to a GET: the ceiling of Node itself. Without rows, it is measured once for each number of connections.',
    '- `bare`: `node:http`, `JSON.parse`, `session.run`, `JSON.stringify`, the same model. It checks nothing, and its callers encode the categories.',
    '- `mlapi`: this service as `npm run build` makes it, in production, everything on: RS256 tokens of eight clients, limits, validation, encoding, labels, headers ' +
      `metrics, and its log in a file, ${logLines} lines in this run.`,
    '- `flask`: Flask under gunicorn, the same tokens checked (RS256), gradient-boosted trees of the same size in scikit-learn; no log, and its callers encode the categories.',
    '- `fastapi`: FastAPI under uvicorn (uvloop, httptools), the same tokens checked, the same model in onnxruntime; no log, and its callers encode the categories.',
  ];
  return all.filter((note) => !note.startsWith('- ') || servers.has(/`(\w+)`/.exec(note)![1]!));
}
