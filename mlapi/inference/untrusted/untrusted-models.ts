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
import { modelMemory, workerMemory, type ModelMemoryConfig } from './worker-memory.ts';

/** Contract and description of an accepted model: plain data. */
export interface UntrustedModel {
  readonly contract: Contract;
  readonly metadata: ModelMetadata;
}

interface UntrustedModelsOptions extends EngineOptions, ModelMemoryConfig {
  readonly workers?: number;
  readonly logger?: Pick<Logger, 'info'>;
}

/** How long one look at a model may take, and what of the processor. */
const inspectionMs = 20_000;
const inspectionCpuSeconds = 10;
const maxReasonLength = 500;

/**
 * Models of strangers: an ONNX file is a program. This process never loads one; it is tried, and computes, in processes that have
 * so much memory and time, and see as little of this machine as it allows.
 */
export class UntrustedModels {
  /** Looks at what their processes take. */
  readonly memory = new MemoryWatch();
  /** Memory that all uploaded models of this worker may take, in bytes. */
  readonly workerBytes: number;
  readonly #options: UntrustedModelsOptions;
  readonly #logger: Pick<Logger, 'info'> | undefined;
  #isolation: Promise<Isolation> | undefined;

  constructor({ logger, ...options }: UntrustedModelsOptions) {
    this.#logger = logger;
    this.#options = options;
    this.workerBytes = workerMemory(options);
  }

  /** Follows the memory of one model's processes. */
  watchGroup(): WatchedGroup {
    return new WatchedGroup(this.memory);
  }

  /** Found out when it is first needed. */
  get isolation(): Promise<Isolation> {
    return (this.#isolation ??= findModelIsolation().then((isolation) => {
      if (isolation === 'limits')
        this.#logger?.info('models of clients have limits, and no namespaces: bubblewrap is not there, or not allowed');
      return isolation;
    }));
  }

  /**
   * Loads the model of a folder in a process that is thrown away, reads its contract in another, and computes its sample.
   * @param files what came, the ONNX file first, with their digests; none where the model is on another server
   * @throws {Problem} 422 with the reason
   */
  async inspect(
    folder: string,
    files: readonly ModelFile[],
    { name, version }: ModelName,
    watch = this.watchGroup(),
  ): Promise<UntrustedModel> {
    const [model, ...others] = files;
    if (model === undefined) return this.#inspectRemote(folder, { name, version });
    const path = `${folder}/model.onnx`;
    const data = others.sort((one, other) => (one.name < other.name ? -1 : 1));
    const sha256 = digestModel(model, data);
    const confinement = await this.#confinement(inspectionCpuSeconds);
    // A start waits until the system has made the process.
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
      // Which bytes these are is known from here alone: its process could say that it is another model, or has other files.
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

  /** Starts the processes of a model that was inspected. @throws {Problem} 503 */
  async start(path: string, { contract, metadata }: UntrustedModel, watch = this.watchGroup()): Promise<Predictor> {
    const options = { ...this.#options, watch, confinement: await this.#confinement() };
    try {
      const prepared: PreparedModel = isRemote(contract)
        ? await prepareRemote({ path, contract, sha256: metadata.sha256 }, options)
        : prepareUntrusted({ path, metadata, contract }, options);
      return await Predictor.start(prepared, options);
    } catch (cause) {
      if (watch.isExhausted) throw memoryExhausted(cause);
      throw unavailableNow('This model cannot be loaded at the moment.', cause);
    }
  }

  /** Returns all that a client needs in order to call it. */
  information({ contract, metadata }: UntrustedModel): ModelInformation {
    return modelInformation(contract, metadata);
  }

  /** Asks its server, once the contract is read in a process that is thrown away, and predicts its sample there. */
  async #inspectRemote(folder: string, { name, version }: ModelName): Promise<UntrustedModel> {
    const confinement = await this.#confinement(inspectionCpuSeconds);
    try {
      const read = await readUntrustedContract(
        { folder, input: unknownInput, outputs: undefined },
        { confinement, timeoutMs: inspectionMs },
      );
      if ('reason' in read) throw new Error(read.reason);
      refuseVouching(read.contract);
      if (!isRemote(read.contract)) throw new Error('its contract names no remote model, and there is no model.onnx');
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
      if (isOutage(cause)) throw unavailableNow('The server of this model gives no answer at the moment.', cause);
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

/** The uploader must not decide that other clients' rows may be in the model's runs. */
function refuseVouching({ batching }: Contract): void {
  if (batching.rowWise === undefined) return;
  throw new Error(
    'model.json: "batching.rowWise" is for models in the folders of the service, whose operator vouches for them; leave it out',
  );
}

function unavailableNow(text: string, cause: unknown): Problem {
  return new Problem(503, 'model_unavailable', text, { headers: { 'retry-after': '2' }, cause });
}

export interface ModelName {
  readonly name: string;
  readonly version: string;
}

/** Says why, in words for whoever brought it: bounded, printable, and without the places of this machine. */
function refuse(folder: string, cause: unknown): Problem {
  const text = explain(cause);
  const reason = text
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, basename(folder))
    .replace(/(?:\/[\w.@+-]+){2,}/g, '...')
    .replace(/[^\P{C}]+/gu, ' ')
    .slice(0, maxReasonLength);
  const end = reason.endsWith('.') ? '' : '.';
  return new Problem(422, 'model_refused', `The model was tried and cannot serve: ${reason}${end}`, { cause });
}

/** With what the runtime said, where that is known. */
function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { message, cause: deeper } = cause;
  return cause instanceof Problem && deeper !== undefined ? `${message} (${explain(deeper)})` : message;
}
