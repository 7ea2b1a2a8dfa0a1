import { CostModel, type MeasuredRun } from '../batching/cost-model.ts';
import type { BatchingMode } from '../batching/fair-queue.ts';
import { hasRowShape, sliceRows } from '../tensors/output-rows.ts';
import type { InputData, Matrix, OutputTensor, RunInput, RunOutput, TensorInput } from '../tensors/types.ts';

/** Results of a warm-up. */
export interface WarmUp {
  readonly cost: CostModel;
  readonly batching: BatchingMode;
  /** Output shape of one row. */
  readonly rowShape: readonly number[];
  /**
   * Output shapes of one row for the other outputs; undefined if one of them is not row-wise, so that requests for all outputs cannot share
   * runs.
   */
  readonly secondaryRowShapes: readonly (readonly number[])[] | undefined;
}

interface WarmUpOptions {
  /** Two different rows, one row each. */
  readonly sample: Matrix;
  readonly other: Matrix;
  readonly takesOneRow: boolean;
  /** Whether requests for the predicted output, and for all outputs, may share runs if the warm-up does not disprove it. */
  readonly mayShare: { readonly predicted: boolean; readonly all: boolean };
  readonly run: Run;
}

type Run = (input: RunInput, allOutputs?: boolean) => Promise<RunOutput>;

/** Time budget of each measurement, in seconds. */
const usualSeconds = 0.01;
const maxRows = 512;
const tries = 5;
/** A single slow run may have waited for the CPU, so runs are repeated unless they take very long. */
const leastTries = 3;
const maxSeconds = 0.25;
/** Relative tolerance: batching changes the order of sums and thus their rounding. */
const tolerance = 1e-3;

/** Returns the shortest of several runs of one row, in seconds. The longer ones were waiting for the CPU. */
export async function timeOneRow({ run, sample }: { run: Run; sample: RunInput }): Promise<number> {
  return (await timeRows(run, sample)).seconds;
}

/**
 * Measures the cost of runs, and tests whether two rows in one run get what they get alone. Passing proves nothing, since the author of the
 * model knows the two rows: it counts only together with a proof.
 * @throws what the model throws
 */
export async function warmUp({ run, sample, other, takesOneRow, mayShare }: WarmUpOptions): Promise<WarmUp> {
  const alone = await run(sample);
  const rowShape = alone.shape.slice(1);
  const one = await timeRows(run, sample);
  const isShared =
    mayShare.predicted && !takesOneRow && (await keepsRowsApart({ run, sample, other, alone, rowShape }));
  let many: MeasuredRun = { ...one, rows: 2 };
  for (let rows = 2, spent = 0; rows <= maxRows && spent < usualSeconds; rows *= 2) {
    const measured = await timeRows(run, repeat(sample, other, rows)).catch(() => undefined);
    if (measured === undefined) break;
    many = measured;
    spent += measured.seconds;
  }
  const secondaryRowShapes =
    isShared && mayShare.all ? await findSecondaryRowShapes({ run, sample, other }) : undefined;
  const batching = takesOneRow ? 'split' : isShared ? 'concatenate' : 'none';
  return { cost: new CostModel(one, many), batching, rowShape, secondaryRowShapes };
}

/** Measures the cost of a run with these tensors. Tensor requests never share runs. @throws what the model throws */
export async function warmUpTensors({ run, sample }: { run: Run; sample: TensorInput }): Promise<WarmUp> {
  await run(sample, true);
  const one = await timeRows(run, sample);
  return {
    cost: new CostModel(one, { rows: 2, seconds: 2 * one.seconds }),
    batching: 'none',
    rowShape: [],
    secondaryRowShapes: [],
  };
}

async function timeRows(run: Run, input: RunInput): Promise<MeasuredRun> {
  let shortest = Infinity;
  for (let attempt = 0, spent = 0; attempt < tries; attempt += 1) {
    if (spent >= (attempt < leastTries ? maxSeconds : usualSeconds)) break;
    const beganMs = performance.now();
    await run(input);
    const seconds = (performance.now() - beganMs) / 1_000;
    shortest = Math.min(shortest, seconds);
    spent += seconds;
  }
  return { rows: input.rows, seconds: shortest };
}

/** Whether two rows in one run get the same entries as alone. Some models return one result for the whole batch. */
async function keepsRowsApart({
  run,
  sample,
  other,
  alone,
  rowShape,
}: Pick<WarmUpOptions, 'run' | 'sample' | 'other'> & {
  alone: OutputTensor;
  rowShape: readonly number[];
}): Promise<boolean> {
  try {
    return areApart(rowShape, { alone, both: await run(repeat(sample, other, 2)), next: await run(other) });
  } catch {
    return false;
  }
}

/** Returns the output shapes of one row of the other outputs, if all of them are row-wise. */
async function findSecondaryRowShapes({
  run,
  sample,
  other,
}: Pick<WarmUpOptions, 'run' | 'sample' | 'other'>): Promise<number[][] | undefined> {
  try {
    const [alone, next] = [await run(sample, true), await run(other, true)];
    const both = await run(repeat(sample, other, 2), true);
    const entries = (alone.secondaryOutputs ?? []).map(({ shape }) => shape.slice(1));
    const isEvery = entries.every((rowShape, at) =>
      areApart(rowShape, {
        alone: alone.secondaryOutputs![at]!,
        both: both.secondaryOutputs![at]!,
        next: next.secondaryOutputs![at]!,
      }),
    );
    return isEvery ? entries : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param alone output of the first row alone
 * @param next output of the second row alone
 * @param both output of the two rows in one run
 */
function areApart(
  rowShape: readonly number[],
  { alone, both, next }: Readonly<Record<'alone' | 'both' | 'next', OutputTensor>>,
): boolean {
  if (!hasRowShape(alone, 1, rowShape) || !hasRowShape(both, 2, rowShape)) return false;
  return isClose(sliceRows(both, 0, 1), alone) && isClose(sliceRows(both, 1, 1), next);
}

function isClose({ data: a }: OutputTensor, { data: b }: OutputTensor): boolean {
  return Array.from(a).every((value, at) => {
    const wanted = b[at]!;
    if (typeof value !== 'number' || typeof wanted !== 'number') return value === wanted;
    return Object.is(value, wanted) || Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
  });
}

/** Repeats the two rows alternately. */
function repeat(sample: Matrix, other: Matrix, rows: number): Matrix {
  const { width } = sample;
  const data = new (sample.data.constructor as new (length: number) => InputData)(rows * width);
  for (let row = 0; row < rows; row += 1) data.set((row % 2 === 0 ? sample : other).data as never, row * width);
  return { data, rows, width };
}
