import type { Contract } from '../inference/contract/types.ts';
import type { InferenceObserver, ObservedResponse, ObservedModel, ObservedRun } from '../inference/observer.ts';

interface Duration {
  count: number;
  ns: number;
}

interface BatchStatistics {
  readonly batch_size: number;
  readonly compute_input: Duration;
  readonly compute_infer: Duration;
  readonly compute_output: Duration;
}

interface ModelCounts {
  last_inference: number;
  inference_count: number;
  execution_count: number;
  readonly inference_stats: Readonly<Record<(typeof durations)[number], Duration>>;
  readonly batches: Map<number, BatchStatistics>;
}

/** Statistics of a model since this process started (extension `statistics`). */
export interface ModelStatistics extends Omit<ModelCounts, 'batches'> {
  readonly name: string;
  readonly version: string;
  readonly batch_stats: readonly BatchStatistics[];
}

const durations = [
  'success',
  'fail',
  'queue',
  'compute_input',
  'compute_infer',
  'compute_output',
  'cache_hit',
  'cache_miss',
] as const;
/** Larger batches are rounded up to a power of two, to bound the number of entries. */
const largestExactBatch = 32;

/**
 * Counts requests and runs per model in this process. Input and output conversion are part of a run here, so they are counted with zero
 * time.
 */
export class RunStatistics implements InferenceObserver {
  readonly #clock: () => number;
  readonly #models = new Map<string, ModelCounts>();
  #served: Parameters<RunStatistics['forgetAllBut']>[0] | undefined;

  /** @param clock epoch milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Drops models for which `served` has no entry whenever a new model is added. */
  forgetAllBut(served: () => readonly { readonly contract: Pick<Contract, 'name' | 'version'> }[]): void {
    this.#served = served;
  }

  ran({ model, version, requests, rows, queueSeconds, runSeconds, outcome }: ObservedRun): void {
    const counts = this.#countsOf(model, version);
    const { queue, compute_input, compute_infer, compute_output } = counts.inference_stats;
    counts.last_inference = this.#clock();
    if (outcome !== 'ok') return;
    counts.inference_count += rows;
    counts.execution_count += 1;
    add(queue, requests, queueSeconds);
    add(compute_input, requests, 0);
    add(compute_infer, requests, runSeconds);
    add(compute_output, requests, 0);
    const batch = batchOf(counts.batches, rows);
    add(batch.compute_input, 1, 0);
    add(batch.compute_infer, 1, runSeconds);
    add(batch.compute_output, 1, 0);
  }

  /** A request counts once, however many runs it took. */
  answered({ model, version }: ObservedModel, { isGood, seconds }: ObservedResponse): void {
    const { success, fail } = this.#countsOf(model, version).inference_stats;
    add(isGood ? success : fail, 1, seconds);
  }

  /** A rejected request counts as failed. */
  shed({ model, version }: ObservedModel): void {
    add(this.#countsOf(model, version).inference_stats.fail, 1, 0);
  }

  /** @returns zeros for a model that has not run */
  of(name: string, version: string): ModelStatistics {
    const { batches, ...counts } = this.#models.get(keyOf(name, version)) ?? newCounts();
    return { name, version, ...counts, batch_stats: [...batches.values()] };
  }

  #countsOf(model: string, version: string): ModelCounts {
    const key = keyOf(model, version);
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    this.#forget();
    const counts = newCounts();
    this.#models.set(key, counts);
    return counts;
  }

  /** Bounds the map by what is in memory: clients choose the names of models. */
  #forget(): void {
    if (this.#served === undefined) return;
    const served = new Set(this.#served().map(({ contract }) => keyOf(contract.name, contract.version)));
    for (const key of this.#models.keys()) if (!served.has(key)) this.#models.delete(key);
  }
}

function keyOf(model: string, version: string): string {
  return `${model}/${version}`;
}

function newCounts(): ModelCounts {
  const stats = durations.map((name): [string, Duration] => [name, { count: 0, ns: 0 }]);
  return {
    last_inference: 0,
    inference_count: 0,
    execution_count: 0,
    inference_stats: Object.fromEntries(stats) as unknown as ModelCounts['inference_stats'],
    batches: new Map(),
  };
}

function batchOf(batches: ModelCounts['batches'], rows: number): BatchStatistics {
  const size = rows <= largestExactBatch ? rows : 2 ** Math.ceil(Math.log2(rows));
  const none = () => ({ count: 0, ns: 0 });
  const batch = batches.get(size) ?? {
    batch_size: size,
    compute_input: none(),
    compute_infer: none(),
    compute_output: none(),
  };
  batches.set(size, batch);
  return batch;
}

/** @param seconds duration of each */
function add(duration: Duration, count: number, seconds: number): void {
  duration.count += count;
  duration.ns += Math.round(count * seconds * 1e9);
}
