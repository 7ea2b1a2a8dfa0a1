import { availableParallelism } from 'node:os';
import type { CoreConfig } from '../../config/core-config.ts';
import type { Confinement } from '../../sandbox/confinement.ts';
import type { WatchedGroup } from '../../sandbox/memory-watch.ts';
import { Batcher } from '../batching/batcher.ts';
import { AdaptiveExecutor } from '../execution/adaptive-executor.ts';
import type { Executor } from '../execution/executor.ts';
import { InlineExecutor } from '../execution/inline-executor.ts';
import type { ModelWrapper } from '../execution/model-wrapper.ts';
import { ProcessPool } from '../execution/process-pool.ts';
import type { KnownModel } from '../known-model.ts';
import type { InferenceObserver } from '../observer.ts';
import type { AllowedServers } from '../remote/allowed-servers.ts';
import { mayShareRuns } from '../row-wise/verdict.ts';
import type { RunInput, TensorInfo } from '../tensors/types.ts';
import { timeOneRow, warmUp, warmUpTensors, type WarmUp } from '../warmup/warm-up.ts';

export interface EngineConfig extends Pick<CoreConfig, 'maxRows' | 'predictTimeoutMs'>, AllowedServers {
  /** Server processes that share the CPUs; default: 1. */
  readonly processes?: number;
}

export interface EngineOptions extends EngineConfig {
  readonly observer?: InferenceObserver | undefined;
  /** Confinement of the child processes, if the model is not trusted. */
  readonly confinement?: Confinement;
  /** Measures the memory of the child processes. */
  readonly watch?: WatchedGroup;
}

/** A model loaded in this process. */
export interface LoadedModel extends KnownModel {
  readonly wrapper: ModelWrapper;
}

/** Limit for inline runs in seconds; a message to another process costs about a quarter of it. */
const longestInlineRunSeconds = 0.0005;
/** Longest inline run, in seconds, for a model whose requests cannot be split. */
const longestInlineRequestSeconds = 0.05;
/** Most cells of one run: the input of a child process passes through a pipe. */
const maxCellsPerRun = 131_072;
/** Requests of the largest size that may wait for one model. */
const maxLargestRequests = 10;
/** Tensor requests that may wait for one model, each as large as a body may be. */
const maxTensorRequests = 256;

/**
 * Decides where the model runs, by measuring it in this process. Call it for one model at a time, since others would disturb the
 * measurement.
 * @returns the warm-up result of a model that runs inline; undefined for one that belongs in child processes
 */
export async function measureInline(model: LoadedModel, { maxRows }: EngineOptions): Promise<WarmUp | undefined> {
  const { wrapper, metadata, contract, outputName, probe } = model;
  if (contract.executor === 'child') return undefined;
  const others = secondaryOutputs(model);
  const run = (input: RunInput, allOutputs = false) => wrapper.run(input, outputName, allOutputs ? others : undefined);
  // The first run of a session initialises it.
  await run(probe.sample);
  const isInline = contract.executor === 'inline';
  if (!isInline && (await timeOneRow({ run, sample: probe.sample })) > longestInlineRunSeconds) return undefined;
  const found = await warmUpProbe(run, model);
  const isBounded =
    probe.other === undefined
      ? metadata.inputs.every(isOfOneSize)
      : found.batching !== 'none' || found.cost.seconds(maxRows) < longestInlineRequestSeconds;
  return isInline || isBounded ? found : undefined;
}

function warmUpProbe(run: Parameters<typeof timeOneRow>[0]['run'], model: KnownModel): Promise<WarmUp> {
  const { probe, metadata } = model;
  if (probe.other === undefined) return warmUpTensors({ run, sample: probe.sample });
  return warmUp({ run, ...probe, takesOneRow: metadata.takesOneRow, mayShare: mayShareRuns(model) });
}

/** Whether requests cannot be larger than the sample of the warm-up. */
function isOfOneSize({ datatype, shape }: TensorInfo): boolean {
  return datatype !== 'BYTES' && !shape.includes(-1);
}

/**
 * Opens a batcher for a model loaded in this process.
 * @param inline result of `measureInline`; if undefined, releases the model and starts child processes
 */
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
  const executor = new InlineExecutor(wrapper, outputName, secondaryOutputs(model));
  const isPinned = model.contract.executor === 'inline';
  const startPool = () => ProcessPool.start(poolOptions(model, options));
  return createBatcher(model, options, isPinned ? executor : new AdaptiveExecutor(executor, startPool), inline);
}

/** Opens a batcher over child processes, without loading the model in this process. */
export async function openChildBatcher(model: KnownModel, options: EngineOptions): Promise<Batcher> {
  return openWarm(model, options, await ProcessPool.start(poolOptions(model, options)));
}

/** Warms the executor up and opens a batcher over it; releases the executor on failure. */
export async function openWarm(model: KnownModel, options: EngineOptions, executor: Executor): Promise<Batcher> {
  const run = async (input: RunInput, allOutputs?: boolean) => (await executor.run(input, Infinity, allOutputs)).output;
  try {
    const found = await warmUpProbe(run, model);
    return createBatcher(model, options, executor, found);
  } catch (cause) {
    await executor.release();
    throw cause;
  }
}

/** Names of the outputs beside the contract's, in the model's order. */
export function secondaryOutputs({ metadata, outputName }: Pick<KnownModel, 'metadata' | 'outputName'>): string[] {
  return metadata.outputs.map(({ name }) => name).filter((name) => name !== outputName);
}

function poolOptions(model: KnownModel, { processes = 1, confinement, watch }: EngineOptions) {
  // Uploaded models get one process each, since there may be many.
  const slots = confinement === undefined ? Math.max(1, Math.floor(availableParallelism() / processes)) : 1;
  const { path, metadata, outputName } = model;
  return { path, sha256: metadata.sha256, outputName, others: secondaryOutputs(model), slots, confinement, watch };
}

function createBatcher(
  { contract, probe }: KnownModel,
  options: EngineOptions,
  executor: Executor,
  found: WarmUp,
): Batcher {
  const { name, version, features, batching } = contract;
  const { maxRows, predictTimeoutMs, observer } = options;
  const takesRows = probe.other !== undefined;
  return new Batcher({
    ...found,
    executor,
    maxRows: takesRows ? (batching.maxRows ?? Math.max(1, Math.floor(maxCellsPerRun / features.length))) : 1,
    maxWaitMicroseconds: batching.maxWaitMicroseconds,
    timeoutMs: predictTimeoutMs,
    maxWaitingRows: takesRows ? maxLargestRequests * maxRows : maxTensorRequests,
    observed: { model: name, version },
    observer,
  });
}
