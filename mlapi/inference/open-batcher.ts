import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import { Batcher } from './batcher.ts';
import { ChildPool } from './child-pool.ts';
import type { Confinement } from './confinement.ts';
import type { Executor } from './executor.ts';
import { InlineExecutor } from './inline-executor.ts';
import { MovingExecutor } from './moving-executor.ts';
import type { ModelFacts } from './model-facts.ts';
import type { ModelWrapper } from './model-wrapper.ts';
import type { InferenceObserver } from './observer.ts';
import type { Contract, Matrix } from './types.ts';
import { timeOneRow, warmUp, type WarmUp } from './warm-up.ts';

export interface EngineOptions extends Pick<Config, 'maxRows' | 'workers' | 'predictTimeoutMs'> {
  readonly observer?: InferenceObserver | undefined;
  /** Of child processes, where the model is a stranger's. */
  readonly confinement?: Confinement;
}

/** A model, and what is known of it. */
export interface KnownModel {
  readonly path: string;
  readonly facts: ModelFacts;
  readonly contract: Contract;
  readonly outputName: string;
  /** One row each, which are not alike. */
  readonly sample: Matrix;
  readonly other: Matrix;
}

/** One that is loaded in this process. */
export interface LoadedModel extends KnownModel {
  readonly wrapper: ModelWrapper;
}

/** A hop to another process costs about a quarter of this. */
const longestInlineRunSeconds = 0.0005;
/** Of requests that cannot be taken apart. */
const longestInlineRequestSeconds = 0.05;
/** What a run may bring to a child goes through a pipe. */
const mostCellsPerRun = 131_072;
/** Requests of the largest size that may wait for one model. */
const mostLargestRequests = 10;

/**
 * Finds out where the model computes. It is measured one model at a time: others would be in the way.
 * @returns for a model that computes inline, what its warm-up found; undefined for one that belongs in child processes
 */
export async function measureInline(model: LoadedModel, { maxRows }: EngineOptions): Promise<WarmUp | undefined> {
  const { wrapper, contract, outputName, sample, other } = model;
  const { takesOneRow } = wrapper.facts;
  if (contract.executor === 'child') return undefined;
  const others = otherOutputs(model);
  const run = (matrix: Matrix, wantsOthers = false) =>
    wrapper.run(matrix, outputName, wantsOthers ? others : undefined);
  // The first run of a session prepares the others.
  await run(sample);
  const isInline = contract.executor === 'inline';
  if (!isInline && (await timeOneRow({ run, sample })) > longestInlineRunSeconds) return undefined;
  const found = await warmUp({ run, sample, other, takesOneRow });
  const isBounded = found.sharing !== 'whole' || found.cost.seconds(maxRows) < longestInlineRequestSeconds;
  return isInline || isBounded ? found : undefined;
}

/** @param inline what `measureInline` said; without it, child processes are started, and the model in this one is released */
export async function openBatcher(
  model: LoadedModel,
  options: EngineOptions,
  inline: WarmUp | undefined,
): Promise<Batcher> {
  const { wrapper, outputName } = model;
  if (inline === undefined) {
    await wrapper.release();
    return openChildBatcher(model, options);
  }
  const executor = new InlineExecutor(wrapper, outputName, otherOutputs(model));
  const isPinned = model.contract.executor === 'inline';
  const startPool = () => ChildPool.start(poolOptions(model, options));
  return createBatcher(model, options, isPinned ? executor : new MovingExecutor(executor, startPool), inline);
}

/** A batcher over child processes; this one never loads the model. */
export async function openChildBatcher(model: KnownModel, options: EngineOptions): Promise<Batcher> {
  const { facts, sample, other } = model;
  const pool = await ChildPool.start(poolOptions(model, options));
  const run = async (matrix: Matrix, wantsOthers?: boolean) => (await pool.run(matrix, Infinity, wantsOthers)).output;
  try {
    const found = await warmUp({ run, sample, other, takesOneRow: facts.takesOneRow });
    return createBatcher(model, options, pool, found);
  } catch (cause) {
    await pool.release();
    throw cause;
  }
}

/** The tensors that the model answers beside the one that the contract reads, in its order. */
export function otherOutputs({ facts, outputName }: Pick<KnownModel, 'facts' | 'outputName'>): string[] {
  return facts.outputs.map(({ name }) => name).filter((name) => name !== outputName);
}

function poolOptions(model: KnownModel, { workers, confinement }: EngineOptions) {
  // Of strangers' models there may be many: each has one process.
  const slots = confinement === undefined ? Math.max(1, Math.floor(availableParallelism() / workers)) : 1;
  const { path, facts, outputName } = model;
  return { path, sha256: facts.sha256, outputName, others: otherOutputs(model), slots, confinement };
}

function createBatcher({ contract }: KnownModel, options: EngineOptions, executor: Executor, found: WarmUp): Batcher {
  const { name, version, features, batching } = contract;
  const { maxRows, predictTimeoutMs, observer } = options;
  return new Batcher({
    ...found,
    executor,
    maxRows: batching.maxRows ?? Math.max(1, Math.floor(mostCellsPerRun / features.length)),
    maxWaitMicroseconds: batching.maxWaitMicroseconds,
    timeoutMs: predictTimeoutMs,
    maxWaitingRows: mostLargestRequests * maxRows,
    observed: { model: name, version },
    observer,
  });
}
