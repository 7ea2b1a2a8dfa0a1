import { quantile } from '../soak/sampler.ts';
import type { Verdict } from '../soak/verdicts.ts';
import type { Measured } from './measure.ts';
import type { Starts } from './many-models.ts';

const memoryShare = 0.1;
const delayMs = 50;
const livenessMs = 100;
const firstPredictionMs = 1_000;
/** A contract alone is larger. */
const bytesPerModel = 1_024;

/** The criteria, with their figures. */
export function judge({ hostile, firstPredictionsMs, models, starts }: Measured): Verdict[] {
  const { answers, inspected, rssMb, processes, filesLeft, longestDelayMs, liveness } = hostile;
  const wrong = Object.keys(answers).filter((answer) => !/^(?:400|413|422|0) /.test(answer));
  const share = rssMb.after / rssMb.before - 1;
  const [middle, longest] = [quantile(firstPredictionsMs, 0.5), Math.max(...firstPredictionsMs)];
  const grown = (median(starts.with) - median(starts.without)) * 1_048_576;
  const allowed = Math.max(spread(starts.with), spread(starts.without)) * 1_048_576;
  const bound = Math.max(allowed, models * bytesPerModel);
  return [
    {
      name: `${hostile.uploads} hostile uploads: all refused`,
      isMet: wrong.length === 0,
      figure: wrong.join(', ') || `all, ${inspected} of them by a process of their own`,
      bound: '400, 413, 422',
    },
    {
      name: 'memory as before them',
      isMet: share <= memoryShare,
      figure: `${rssMb.before.toFixed(1)} to ${rssMb.after.toFixed(1)} MiB (${(share * 100).toFixed(1)} %)`,
      bound: `${memoryShare * 100} % more`,
    },
    {
      name: 'no process left',
      isMet: processes.after <= processes.before,
      figure: `${processes.before} to ${processes.after}`,
      bound: 'none more',
    },
    {
      name: 'no file left',
      isMet: filesLeft.length === 0,
      figure: filesLeft.join(', ') || 'none',
      bound: 'none',
    },
    {
      name: 'longest delay of the event loop meanwhile',
      isMet: longestDelayMs < delayMs,
      figure: `${longestDelayMs.toFixed(1)} ms`,
      bound: `${delayMs} ms`,
    },
    {
      name: 'liveness meanwhile',
      isMet: liveness.failed === 0 && liveness.p99Ms < livenessMs,
      figure: `p50 ${liveness.p50Ms.toFixed(1)}, p99 ${liveness.p99Ms.toFixed(1)}, longest ${liveness.maxMs.toFixed(1)} ms, ${liveness.failed} failed`,
      bound: `p99 ${livenessMs} ms, none failed`,
    },
    {
      name: 'upload to first prediction, 1 MiB',
      isMet: longest < firstPredictionMs,
      figure: `median ${middle.toFixed(0)}, longest ${longest.toFixed(0)} ms of ${firstPredictionsMs.length}`,
      bound: `${firstPredictionMs} ms`,
    },
    {
      name: `${models} registered models: no memory until used`,
      isMet: grown <= bound,
      figure: `${(grown / 1_048_576).toFixed(1)} MiB more`,
      bound: `${(bound / 1_048_576).toFixed(1)} MiB: what the starts differ by, or 1 KiB a model`,
    },
  ];
}

function median({ rssMb }: Pick<Starts, 'rssMb'>): number {
  return quantile(rssMb, 0.5);
}

function spread({ rssMb }: Starts): number {
  return Math.max(...rssMb) - Math.min(...rssMb);
}
