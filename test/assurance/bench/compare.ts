import { ratiosOf, spreadOf, type Spread } from './figures.ts';
import type { Cell, Generator, Measurement, Server } from './measure.ts';

/** Servers under the same load. */
export interface Contest {
  readonly title: string;
  readonly cell: Cell;
  /** By name; the figures of the others are also said as shares of the base's. */
  readonly servers: ReadonlyMap<string, Server>;
  readonly base: string;
}

/** What came of one. Measurements stand round by round. */
export interface Result {
  readonly title: string;
  readonly cell: Cell;
  readonly base: string;
  readonly measurements: Readonly<Record<string, readonly Measurement[]>>;
}

export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** What each of them can do, whatever else the machine does. */
const slowestRowsPerSecond = 40_000;

/**
 * Measures them in turn, round after round, so that what else the machine does falls on each of them alike; every second round
 * backwards, so that none is always after the same one.
 */
export async function runContests(
  contests: readonly Contest[],
  generator: Generator,
  pace: Pace,
  say: (line: string) => void = () => undefined,
): Promise<Result[]> {
  const results = contests.map(({ title, cell, base, servers }) => {
    const measurements = Object.fromEntries([...servers.keys()].map((name) => [name, [] as Measurement[]]));
    return { title, cell, base, measurements };
  });
  // Round 0 does not count: nobody pays for having been compiled last.
  for (let round = 0; round <= pace.rounds; round += 1)
    for (const [index, { title, cell, servers }] of contests.entries())
      for (const [name, server] of round % 2 === 0 ? servers : [...servers].reverse()) {
        const measured = await generator.measure(server, cell, longEnough(cell, pace)).catch((error: unknown) => {
          throw new Error(`${name}, ${title}: ${error instanceof Error ? error.message : String(error)}`);
        });
        if (round === 0) continue;
        results[index]!.measurements[name]!.push(measured);
        say(`round ${round}, ${title}, ${name}: ${Math.round(measured.requestsPerSecond)} requests/s`);
      }
  return results;
}

/** In which every connection is answered several times, also by the slowest of the servers. */
function longEnough({ rows, connections }: Cell, { seconds, warmUpSeconds }: Pace) {
  const least = (rows * connections) / slowestRowsPerSecond;
  return { seconds: Math.max(seconds, 2 * least), warmUpSeconds: Math.max(warmUpSeconds, least) };
}

export function figureOf({ measurements }: Result, name: string, figure: keyof Measurement): Spread {
  return spreadOf(valuesOf(measurements, name, figure));
}

/** How many times the other's. */
export function shareOf({ measurements }: Result, name: string, other: string, figure: keyof Measurement): Spread {
  return ratiosOf(valuesOf(measurements, name, figure), valuesOf(measurements, other, figure));
}

function valuesOf(measurements: Result['measurements'], name: string, figure: keyof Measurement): number[] {
  return (measurements[name] ?? []).map((measurement) => measurement[figure]);
}

export function showCell({ rows, connections }: Cell): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
}
