import { loadavg } from 'node:os';
import type { Result } from '../compare.ts';
import { spreadOf } from '../../../support/figures.ts';
import type { LoadFigures } from '../load/types.ts';
import type { Measurement } from '../measure.ts';
import type { Section } from '../report.ts';
import { callers, callersPeriodMs, moderate, runSeconds, SaturatedService, timeoutMs } from './saturation.ts';
import type { Bench } from './scenario.ts';

interface Round {
  readonly predictions: Measurement;
  readonly liveness: Measurement;
}

/** Does a slow, overloaded model slow down anything else? */
export async function slow({ home, pace, say }: Bench): Promise<Section> {
  const [load] = loadavg();
  const service = await SaturatedService.start(home);
  const unloaded: Round[] = [];
  const saturated: (Round & { slow: LoadFigures })[] = [];
  const memory: number[] = [];
  try {
    await service.warmUp(pace);
    // Round 0 is warm-up, in which the processes grow to their size.
    for (let round = 0; round <= pace.rounds; round += 1) {
      const [alone, beside] = [await service.measure(pace), await service.measureSaturated(pace)];
      memory.push(await service.settledMib());
      if (round === 0) continue;
      unloaded.push(alone);
      saturated.push(beside);
      say(`round ${round}, slow: liveness p99 ${beside.liveness.p99Ms.toFixed(1)} ms`);
    }
  } finally {
    await service.stop();
  }
  const slow = saturated.map((round) => round.slow);
  return {
    title: `A saturated model of ${runSeconds * 1_000} ms`,
    notes: [setting(load!), outcome(slow)],
    results: (['predictions', 'liveness'] as const).map((what) => resultOf(what, unloaded, saturated)),
    facts: facts(saturated, slow, memory),
  };
}

function resultOf(what: keyof Round, unloaded: readonly Round[], saturated: readonly Round[]): Result {
  const of = (rounds: readonly Round[]) => rounds.map((round) => round[what]);
  return {
    title: `slow, ${what}`,
    cell: { rows: 1, connections: moderate.connections },
    base: `${what}, unloaded`,
    measurements: { [`${what}, unloaded`]: of(unloaded), [`${what}, saturated`]: of(saturated) },
  };
}

function facts(saturated: readonly Round[], slow: readonly LoadFigures[], memory: readonly number[]): Section['facts'] {
  const [before, ...after] = memory as [number, ...number[]];
  const late = slow.map(({ refusedMs }) => {
    if (refusedMs[504] === undefined) throw new Error('slow: no deadline was reached');
    return Math.max(...refusedMs[504]) - timeoutMs;
  });
  const liveness = saturated.map((round) => round.liveness.p99Ms);
  return [
    { name: 'liveness p99 beside a saturated model, ms', spread: spreadOf(liveness) },
    { name: 'answers past their deadline, at most, ms', spread: spreadOf(late) },
    { name: 'memory of all processes before, MiB', spread: spreadOf([before]) },
    { name: 'memory of all processes after, MiB', spread: spreadOf(after) },
    { name: 'memory after, as a share of before', spread: spreadOf(after.map((mib) => mib / before)) },
  ];
}

function setting(load: number): string {
  return (
    `A model that computes for ${runSeconds * 1_000} ms a row, one row a run, in its child processes, and ${callers} callers who ask again when they are ` +
    `answered, but no sooner than ${callersPeriodMs} ms after they asked; one of them asks for what has no end, so that the deadline of ${timeoutMs} ms stops it. ` +
    `Beside it, ${moderate.connections} connections ask the classifier every ${moderate.periodMs} ms, and as many for liveness; "unloaded" is ` +
    'the same without the callers. The processes of the service and of the load generators share all cores. CPU and memory in the ' +
    `tables are of the worker alone, which answers both. The machine's load average before: ${load.toFixed(2)}.`
  );
}

function outcome(slow: readonly LoadFigures[]): string {
  const count = (of: (figures: LoadFigures) => number) => slow.reduce((sum, figures) => sum + of(figures), 0);
  const refused = (status: number) => count(({ refusedMs }) => refusedMs[status]?.length ?? 0);
  return (
    `Of the callers' requests, ${count(({ requests }) => requests)} were answered, ${refused(504)} ended at their deadline (504), ` +
    `and ${refused(503)} were refused because they would have waited past it (503).`
  );
}
