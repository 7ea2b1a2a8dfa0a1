import { refusals } from './hostile-traffic.ts';
import { quantile, type Sample } from './sampler.ts';
import type { SoakRun } from './soak.ts';

export interface Verdict {
  readonly name: string;
  readonly isMet: boolean;
  readonly figure: string;
  readonly bound: string;
}

const rssGrowthMb = 32;
const fdsMore = 5;
const livenessMs = 100;
const logBytesPerRequest = 600;

/** The criteria, with their figures. The last quarter is compared with the second, since the first is warm-up. */
export function judge(run: SoakRun): Verdict[] {
  const { samples, tally, idleBefore, idleAfter } = run;
  const answered = [...tally.answers].filter(([what]) => what.startsWith('good'));
  const good = answered.reduce((sum, [, counts]) => sum + total(counts), 0);
  const wrong = wrongRefusals(run);
  const rss = compareQuarters(samples, ({ processes }) => sum(processes.map(({ rssMb }) => rssMb)));
  const slope = slopePerHour(samples);
  const latency = compareQuarters(samples, ({ goodP99Ms }) => goodP99Ms);
  const fdsBefore = sum(idleBefore.map(({ fds }) => fds));
  const fdsAfter = sum(idleAfter.map(({ fds }) => fds));
  const threads = compareQuarters(samples, ({ processes }) => sum(processes.map(({ threads }) => threads)));
  const perRequest = run.logBytes / tally.total;
  const liveness = quantile(tally.allLivenessMs, 0.99);
  const sameProcesses = pidsOf(idleBefore) === pidsOf(idleAfter);
  return [
    verdict(
      'good traffic without one error',
      tally.goodErrors.length === 0,
      `${tally.goodErrors.length} of ${good}`,
      '0',
    ),
    verdict('hostile traffic only refused', wrong.length === 0, wrong.join(', ') || 'all', `4xx, 501, 503`),
    verdict(
      'memory flat',
      rss.last - rss.second <= rssGrowthMb,
      `${rss.second.toFixed(0)} to ${rss.last.toFixed(0)} MiB, ${slope.toFixed(1)} MiB an hour`,
      `${rssGrowthMb} MiB more`,
    ),
    verdict('file descriptors back', fdsAfter <= fdsBefore + fdsMore, `${fdsBefore} to ${fdsAfter}`, `${fdsMore} more`),
    verdict('threads flat', threads.last <= threads.second, `${threads.second} to ${threads.last}`, 'none more'),
    verdict(
      'latency flat',
      latency.last <= 2 * latency.second + 20,
      `p99 ${latency.second.toFixed(1)} to ${latency.last.toFixed(1)} ms`,
      'twice, and 20 ms',
    ),
    verdict('liveness', liveness < livenessMs, `p99 ${liveness.toFixed(1)} ms`, `${livenessMs} ms`),
    verdict(
      'log bounded',
      perRequest <= logBytesPerRequest && run.logLines <= tally.total + 100,
      `${run.logLines} lines, ${perRequest.toFixed(0)} bytes for each of ${tally.total} requests`,
      `a line and ${logBytesPerRequest} bytes each`,
    ),
    verdict('no process replaced', sameProcesses, sameProcesses ? 'none' : 'some', 'none'),
    verdict('it ends as it should', run.exitCode === 0, `exit code ${String(run.exitCode)}`, '0'),
  ];
}

function verdict(name: string, isMet: boolean, figure: string, bound: string): Verdict {
  return { name, isMet, figure, bound };
}

function wrongRefusals({ tally }: SoakRun): string[] {
  return [...tally.answers]
    .filter(([what]) => what.startsWith('hostile'))
    .flatMap(([what, counts]) => [...counts.keys()].map((status) => ({ what, status })))
    .filter(({ status }) => !refusals.includes(status))
    .map(({ what, status }) => `${what}: ${status}`);
}

/** Medians of the second and of the last quarter of the run. */
function compareQuarters(samples: readonly Sample[], value: (sample: Sample) => number) {
  const quarter = Math.floor(samples.length / 4);
  const median = (part: readonly Sample[]) => quantile(part.map(value), 0.5);
  return { second: median(samples.slice(quarter, 2 * quarter)), last: median(samples.slice(-Math.max(1, quarter))) };
}

/** Least squares over all but the first quarter. @returns MiB per hour */
function slopePerHour(samples: readonly Sample[]): number {
  const points = samples
    .slice(Math.floor(samples.length / 4))
    .map(({ atSeconds, processes }) => [atSeconds / 3_600, sum(processes.map(({ rssMb }) => rssMb))] as const);
  const meanX = sum(points.map(([x]) => x)) / points.length;
  const meanY = sum(points.map(([, y]) => y)) / points.length;
  const covariance = sum(points.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / sum(points.map(([x]) => (x - meanX) ** 2));
}

function pidsOf(processes: readonly { pid: number }[]): string {
  return processes.map(({ pid }) => pid).join(' ');
}

function total(counts: ReadonlyMap<number, number>): number {
  return sum([...counts.values()]);
}

function sum(values: readonly number[]): number {
  return values.reduce((one, other) => one + other, 0);
}
