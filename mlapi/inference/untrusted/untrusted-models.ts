import { basename } from 'node:path';
import { yieldToEventLoop } from '../../http/event-loop.ts';
import { Problem } from '../../http/problem.ts';
import type { Confinement, Isolation } from '../../sandbox/confinement.ts';
import { MemoryWatch, WatchedGroup } from '../../sandbox/memory-watch.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { unknownInput } from '../contract/contract.ts';
import type { Contract } from '../contract/types.ts';
import { findModelIsolation } from '../execution/model-isolation.ts';
import { ModelProcess } from '../execution/model-process.ts';
import { digestModel } from '../model-files/model-digest.ts';
import { PredictionResponder } from '../postprocessing/prediction-response.ts';
import { memoryExhausted } from '../problems.ts';
import { isOutage } from '../remote/remote-failure.ts';
import { secondaryOutputs, type EngineOptions } from '../serving/open-batcher.ts';
import { modelInformation, type ModelInformation } from '../serving/model-information.ts';
import { Predictor } from '../serving/predictor.ts';
import {
  isRemote,
  prepareUntrusted,
  prepareRemote,
  type PreparedModel,
  type RemoteContract,
} from '../serving/prepare-model.ts';
import type { ModelMetadata, ModelFile } from '../tensors/types.ts';
import { readUntrustedContract } from './read-contract.ts';
import { memoryShare, modelMemory, type ModelMemoryConfig } from './memory-share.ts';

/** Contract and metadata of an accepted model. Plain data. */
export interface UntrustedModel {
  readonly contract: Contract;
  readonly metadata: ModelMetadata;
}

interface UntrustedModelsOptions extends EngineOptions, ModelMemoryConfig {
  readonly processes?: number;
  readonly logger?: Pick<Logger, 'info'>;
}

/** Wall-clock and CPU limit of an inspection. */
const inspectionMs = 20_000;
const inspectionCpuSeconds = 10;
const maxReasonLength = 500;

/**
 * Runs models that clients uploaded. An ONNX file is a program, so this process never loads one: models are inspected and run in child
 * processes with limited memory and time and as little access to this machine as it allows.
 */
export class UntrustedModels {
  /** Measures the memory of the child processes. */
  readonly memory = new MemoryWatch();
  /** Memory limit of all uploaded models of this server process, in bytes. */
  readonly shareBytes: number;
  readonly #options: UntrustedModelsOptions;
  readonly #logger: Pick<Logger, 'info'> | undefined;
  #isolation: Promise<Isolation> | undefined;

  constructor({ logger, ...options }: UntrustedModelsOptions) {
    this.#logger = logger;
    this.#options = options;
    this.shareBytes = memoryShare(options);
  }

  /** Returns a group that measures the memory of one model's processes. */
  watchGroup(): WatchedGroup {
    return new WatchedGroup(this.memory);
  }

  /** Detected at first use. */
  get isolation(): Promise<Isolation> {
    return (this.#isolation ??= findModelIsolation().then((isolation) => {
      if (isolation === 'limits')
        this.#logger?.info(
          'uploaded models run with resource limits but without namespaces: bubblewrap is missing or not permitted',
        );
      return isolation;
    }));
  }

  /**
   * Loads the model of a folder in a disposable process, reads its contract in another, and runs its sample.
   * @param files the received files with their digests, the ONNX file first; empty if the model is on another server
   * @throws {Problem} 422 `model_refused` with the reason, 503
   */
  async inspect(
    folder: string,
    files: readonly ModelFile[],
    { name, version }: ModelName,
    watch = this.watchGroup(),
  ): Promise<UntrustedModel> {
    if (files.length === 0) return this.#inspectRemote(folder, { name, version });
    const [model, ...others] = files as readonly [ModelFile, ...ModelFile[]];
    const path = `${folder}/model.onnx`;
    const data = others.sort((one, other) => (one.name < other.name ? -1 : 1));
    const sha256 = digestModel(model, data);
    const confinement = await this.#confinement(inspectionCpuSeconds);
    // Spawning blocks the event loop until the system has created the process.
    await yieldToEventLoop();
    const deadlineMs = performance.now() + inspectionMs;
    const process = new ModelProcess({ path, sha256, confinement, watch, loadLimitMs: inspectionMs });
    try {
      const loaded = await process.ready;
      const { inputType, width, outputs } = loaded;
      const read = await readUntrustedContract(
        { folder, input: { inputType, width }, outputs: outputs.map(({ name: output }) => output) },
        { confinement, timeoutMs: Math.max(1, deadlineMs - performance.now()) },
      );
      if ('reason' in read) throw new Error(read.reason);
      refuseVouching(read.contract);
      const contract = { ...read.contract, name, version };
      // The digest is computed here: the model's process could claim to be another model or to have other files.
      const identity = { sha256, ...(data.length > 0 && { files: [model, ...data] }) };
      const metadata = { ...identity, ...loaded, ...(read.rowWise && { rowWise: read.rowWise }) };
      const prepared = prepareUntrusted({ path, metadata, contract }, this.#options);
      const { outputName, probe, preprocessor } = prepared;
      const wanted = preprocessor === undefined ? { outputName, others: secondaryOutputs(prepared) } : { outputName };
      const { output } = await process.run(probe.sample, wanted, deadlineMs);
      if (preprocessor !== undefined) new PredictionResponder(prepared).answer(output, probe.sample.rows);
      return { metadata, contract };
    } catch (cause) {
      if (watch.isExhausted) throw memoryExhausted(cause);
      throw refuse(folder, cause);
    } finally {
      await process.end();
    }
  }

  /** Starts the processes of an inspected model. @throws {Problem} 503 */
  async start(path: string, { contract, metadata }: UntrustedModel, watch = this.watchGroup()): Promise<Predictor> {
    const options = { ...this.#options, watch, confinement: await this.#confinement() };
    try {
      const prepared: PreparedModel = isRemote(contract)
        ? await prepareRemote({ path, contract, sha256: metadata.sha256 }, options)
        : prepareUntrusted({ path, metadata, contract }, options);
      return await Predictor.start(prepared, options);
    } catch (cause) {
      if (watch.isExhausted) throw memoryExhausted(cause);
      throw unavailableNow('This model cannot be loaded at the moment; try again later.', cause);
    }
  }

  /** Returns what a client needs to call the model. */
  information({ contract, metadata }: UntrustedModel): ModelInformation {
    return modelInformation(contract, metadata);
  }

  /**
   * Inspects a remote model: reads its contract in a disposable process, then asks the server for its description and a prediction of the
   * sample.
   */
  async #inspectRemote(folder: string, { name, version }: ModelName): Promise<UntrustedModel> {
    const confinement = await this.#confinement(inspectionCpuSeconds);
    try {
      const read = await readUntrustedContract(
        { folder, input: unknownInput, outputs: undefined },
        { confinement, timeoutMs: inspectionMs },
      );
      if ('reason' in read) throw new Error(read.reason);
      refuseVouching(read.contract);
      if (!isRemote(read.contract)) throw new Error('there is no model.onnx, and the contract names no remote model');
      const contract: RemoteContract = { ...read.contract, name, version };
      const prepared = await prepareRemote({ path: `${folder}/model.json`, contract }, this.#options);
      const executor = prepared.connect();
      try {
        const { probe, preprocessor } = prepared;
        const { output } = await executor.run(probe.sample, Infinity, preprocessor === undefined);
        if (preprocessor !== undefined) new PredictionResponder(prepared).answer(output, probe.sample.rows);
        return { metadata: prepared.metadata, contract };
      } finally {
        await executor.release();
      }
    } catch (cause) {
      if (cause instanceof Problem && cause.code === 'remote_not_allowed') throw cause;
      if (isOutage(cause)) throw unavailableNow('The server of this model is unreachable.', cause);
      throw refuse(folder, cause);
    }
  }

  async #confinement(cpuSeconds?: number): Promise<Confinement> {
    return {
      memoryBytes: modelMemory(this.#options),
      isolation: await this.isolation,
      ...(cpuSeconds !== undefined && { cpuSeconds }),
    };
  }
}

/** An uploader must not decide whether other clients' rows may share the model's runs. */
function refuseVouching({ batching }: Contract): void {
  if (batching.rowWise === undefined) return;
  throw new Error('model.json: "batching.rowWise" is allowed only in the model folders of the service; remove it');
}

function unavailableNow(text: string, cause: unknown): Problem {
  return new Problem(503, 'model_unavailable', text, { headers: { 'retry-after': '2' }, cause });
}

export interface ModelName {
  readonly name: string;
  readonly version: string;
}

/** Returns the reason for the uploader: bounded, printable and without paths of this machine. */
function refuse(folder: string, cause: unknown): Problem {
  const text = explain(cause);
  const reason = text
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, basename(folder))
    .replace(/(?:\/[\w.@+-]+){2,}/g, '...')
    .replace(/[^\P{C}]+/gu, ' ')
    .slice(0, maxReasonLength);
  const end = reason.endsWith('.') ? '' : '.';
  return new Problem(422, 'model_refused', `The model was inspected and cannot be served: ${reason}${end}`, { cause });
}

/** Includes the runtime's message, if there is one. */
function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { message, cause: deeper } = cause;
  return cause instanceof Problem && deeper !== undefined ? `${message} (${explain(deeper)})` : message;
}
