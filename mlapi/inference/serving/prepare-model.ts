import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../http/problem.ts';
import type { Batcher } from '../batching/batcher.ts';
import { checkWidth, readContract, unknownInput } from '../contract/contract.ts';
import { ModelFolderError, type Contract } from '../contract/types.ts';
import { ModelWrapper } from '../execution/model-wrapper.ts';
import type { KnownModel } from '../known-model.ts';
import { Preprocessor } from '../preprocessing/preprocessor.ts';
import { allowedServer } from '../remote/allowed-servers.ts';
import { RemoteExecutor } from '../remote/remote-executor.ts';
import { describeRemote } from '../remote/remote-model.ts';
import { proveRowWise } from '../row-wise/prove.ts';
import { predictedOutput } from '../row-wise/verdict.ts';
import type { ModelMetadata } from '../tensors/types.ts';
import { probeRow } from '../warmup/probe-row.ts';
import { sampleTensors } from '../warmup/sample-tensors.ts';
import {
  measureInline,
  openBatcher,
  openChildBatcher,
  openWarm,
  secondaryOutputs,
  type EngineOptions,
} from './open-batcher.ts';

/** A model that was read and checked and can be started. */
export interface PreparedModel extends KnownModel {
  /** Undefined for a model that takes tensors. */
  readonly preprocessor: Preprocessor | undefined;
  /** The file to fix if the model cannot be served. */
  readonly sourcePath: string;
  /** Whether responses contain the model's digest. */
  readonly includesDigest: boolean;
  /** Starts the executor. */
  open(options: EngineOptions): Promise<Batcher>;
}

/** First phase of loading a folder; run it for one model at a time, since it measures the model. @throws {ModelFolderError} */
export async function prepareModel(folder: string, options: EngineOptions): Promise<PreparedModel> {
  const path = join(folder, 'model.onnx');
  const contractPath = join(folder, 'model.json');
  const remote = readRemoteContract(folder);
  if (remote !== undefined)
    return prepareRemote({ path: contractPath, contract: remote }, options).catch((cause: unknown) => {
      const isOurs = cause instanceof Problem && cause.code === 'remote_not_allowed';
      throw isOurs ? new ModelFolderError(contractPath, 'names a server that is not in MLAPI_REMOTE_SERVERS') : cause;
    });
  const wrapper = await ModelWrapper.load(path);
  const outputs = wrapper.metadata.outputs.map(({ name }) => name);
  const metadata = { ...wrapper.metadata, rowWise: await proveRowWise(path, outputs) };
  const contract = readContract(folder, metadata);
  const sourcePath = existsSync(contractPath) ? contractPath : path;
  try {
    const model = { ...describeModel({ path, metadata, contract }, options), wrapper };
    const inline = await measureInline(model, options);
    return { ...model, sourcePath, includesDigest: false, open: (later) => openBatcher(model, later, inline) };
  } catch (cause) {
    throw refuseModel(sourcePath, cause);
  }
}

/** Prepares a model that is never loaded in this process: another process has described it. @throws {ModelFolderError} */
export function prepareUntrusted(
  known: { path: string; metadata: ModelMetadata; contract: Contract },
  options: EngineOptions,
): PreparedModel {
  try {
    const model = describeModel(known, options);
    return { ...model, sourcePath: known.path, includesDigest: true, open: (later) => openChildBatcher(model, later) };
  } catch (cause) {
    throw refuseModel(known.path, cause);
  }
}

/** Returns the contract of a folder whose model is on another server; undefined for all others. @throws {ModelFolderError} */
export function readRemoteContract(folder: string): RemoteContract | undefined {
  if (existsSync(join(folder, 'model.onnx')) || !existsSync(join(folder, 'model.json'))) return undefined;
  const contract = readContract(folder, unknownInput);
  return isRemote(contract) ? contract : undefined;
}

export type RemoteContract = Contract & Required<Pick<Contract, 'remote'>>;

export function isRemote(contract: Contract): contract is RemoteContract {
  return contract.remote !== undefined;
}

/**
 * Prepares a model on another server, which is asked for its description.
 * @throws {ModelFolderError}
 * @throws {Problem} 422 `remote_not_allowed`
 */
export async function prepareRemote(
  { path, contract, sha256 }: { path: string; contract: RemoteContract; sha256?: string },
  options: EngineOptions,
): Promise<PreparedModel & { connect(): RemoteExecutor }> {
  const { remote: reference } = contract;
  const { predictTimeoutMs: timeoutMs } = options;
  const server = allowedServer(reference, options);
  try {
    const described = await describeRemote(server, reference, performance.now() + timeoutMs);
    const { metadata } = described;
    if (sha256 !== undefined && sha256 !== metadata.sha256)
      throw new Error('its server now describes another model than before');
    if (contract.features.length > 0 && metadata.inputType === undefined)
      throw new ModelFolderError(path, 'has "features", but the model takes tensors, not rows');
    checkWidth(path, contract, metadata.width);
    const model = describeModel({ path, metadata, contract }, options);
    const { outputName } = model;
    const others = secondaryOutputs(model);
    const connect = () => new RemoteExecutor({ ...described, server, reference, outputName, others, timeoutMs });
    return {
      ...model,
      connect,
      sourcePath: path,
      includesDigest: sha256 !== undefined,
      open: (later) => openWarm(model, later, connect()),
    };
  } catch (cause) {
    throw refuseModel(path, cause);
  }
}

/** Derives output, preprocessor and warm-up inputs from contract and metadata. */
function describeModel(
  { path, metadata, contract }: { path: string; metadata: ModelMetadata; contract: Contract },
  { maxRows }: EngineOptions,
): KnownModel & Pick<PreparedModel, 'preprocessor'> {
  const outputName = predictedOutput({ contract, metadata });
  if (metadata.inputType === undefined || contract.features.length === 0) {
    return {
      path,
      metadata,
      contract,
      outputName,
      probe: { sample: sampleTensors(metadata, contract) },
      preprocessor: undefined,
    };
  }
  const preprocessor = new Preprocessor(contract.features, metadata.inputType, maxRows);
  const sample = preprocessor.preprocess(contract.sample);
  const other = preprocessor.preprocess(probeRow(contract));
  return { path, metadata, contract, outputName, probe: { sample, other }, preprocessor };
}

/** Turns any error into the one that stops the start. */
export function refuseModel(sourcePath: string, cause: unknown): ModelFolderError {
  if (cause instanceof ModelFolderError) return cause;
  if (cause instanceof Problem) return new ModelFolderError(sourcePath, describeRefusal(cause), { cause });
  return ModelFolderError.of(sourcePath, cause);
}

function describeRefusal({ message, errors = [] }: Problem): string {
  const cells = errors.map(({ pointer, detail }) => ` ${pointer} ${detail}.`).join('');
  return `the model cannot predict its sample: ${message}${cells}`;
}
