import { CostModel, type MeasuredRun } from '../batching/cost-model.ts';
import type { BatchingMode } from '../batching/fair-queue.ts';
import { hasRowShape, sliceRows } from '../tensors/output-rows.ts';
import type { InputData, Matrix, OutputTensor, RunInput, RunOutput, TensorInput } from '../tensors/types.ts';

/** Findings of a warm-up. */
export interface WarmUp {
  readonly cost: CostModel;
  readonly batching: BatchingMode;
  /** The shape of what the output has for one row. */
  readonly rowShape: readonly number[];
  /** The same for its other outputs; undefined where they do not answer row by row, so that none can share a run who wants them. */
  readonly secondaryRowShapes: readonly (readonly number[])[] | undefined;
}

interface WarmUpOptions {
  /** One row each; the two are not alike. */
  readonly sample: Matrix;
  readonly other: Matrix;
  readonly takesOneRow: boolean;
  /** Whether requests for the predicted output, and for all outputs, may share runs if the warm-up finds nothing against it. */
  readonly mayShare: { readonly predicted: boolean; readonly all: boolean };
  readonly run: Run;
}

type Run = (input: RunInput, allOutputs?: boolean) => Promise<RunOutput>;

/** Runs are repeated, and get longer, for about so long. */
const usualSeconds = 0.01;
const maxRows = 512;
const tries = 5;
/** One run that had to wait for the machine would say that the model is slow: only a very long one is not repeated. */
const leastTries = 3;
const maxSeconds = 0.25;
/** Sums come out a little otherwise in other company: the order of their terms changes. */
const tolerance = 1e-3;

/** The shortest of some runs of one row, in seconds. The others were waiting for the machine. */
export async function timeOneRow({ run, sample }: { run: Run; sample: RunInput }): Promise<number> {
  return (await timeRows(run, sample)).seconds;
}

/**
 * Finds out what runs take, and whether rows can share one: each must get what it gets alone. That they do here proves nothing, as
 * two rows are known to whoever made the model: it counts only beside a proof. @throws what the model throws
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

/** Finds out what a run of these tensors takes. Each request has a run of its own. @throws what the model throws */
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

/** Whether two rows together get, one entry each, what they get alone. Some models answer for the batch, not for its rows. */
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

/** The shapes of what the other outputs have for one row, if each of them keeps rows apart. */
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

/** @param both what the rows got together @param alone @param next what each of them got */
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

/** The two rows in turn. */
function repeat(sample: Matrix, other: Matrix, rows: number): Matrix {
  const { width } = sample;
  const data = new (sample.data.constructor as new (length: number) => InputData)(rows * width);
  for (let row = 0; row < rows; row += 1) data.set((row % 2 === 0 ? sample : other).data as never, row * width);
  return { data, rows, width };
}
