import { ratiosOf, spreadOf, type Spread } from '../../support/figures.ts';
import type { Cell, Generator, Measurement, Server } from './measure.ts';

/** Servers under the same load. */
export interface Contest {
  readonly title: string;
  readonly cell: Cell;
  /** By name; the others' figures are also given as ratios to the base. */
  readonly servers: ReadonlyMap<string, Server>;
  readonly base: string;
}

/** The result of a contest, with one measurement per round. */
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

/** Every server can do this, however busy the machine. */
const slowestRowsPerSecond = 40_000;

/**
 * Measures the servers alternately, round by round, so that other load on the machine affects all alike. Every second round runs
 * backwards, so that no server always follows the same one.
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
  // Round 0 is warm-up, so that no server is measured before it is compiled.
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

/** Long enough for several responses per connection, even from the slowest server. */
function longEnough({ rows, connections }: Cell, { seconds, warmUpSeconds }: Pace) {
  const least = (rows * connections) / slowestRowsPerSecond;
  return { seconds: Math.max(seconds, 2 * least), warmUpSeconds: Math.max(warmUpSeconds, least) };
}

export function figureOf({ measurements }: Result, name: string, figure: keyof Measurement): Spread {
  return spreadOf(valuesOf(measurements, name, figure));
}

/** The ratio to another server. */
export function shareOf({ measurements }: Result, name: string, other: string, figure: keyof Measurement): Spread {
  return ratiosOf(valuesOf(measurements, name, figure), valuesOf(measurements, other, figure));
}

function valuesOf(measurements: Result['measurements'], name: string, figure: keyof Measurement): number[] {
  return (measurements[name] ?? []).map((measurement) => measurement[figure]);
}

export function showCell({ rows, connections }: Cell): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
}
