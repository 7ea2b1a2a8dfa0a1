import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type supertest from 'supertest';
import { startService, temporaryFolder, type TestService } from './service.ts';

/** The files of a model folder: `model.onnx` and optional others. Text is written as it is. */
export interface ModelFolder {
  readonly onnx?: Uint8Array;
  readonly contract?: object | string;
  readonly encoding?: string | Uint8Array | readonly (readonly unknown[])[];
  readonly sample?: unknown;
}

/** A service for a test's own model folders, and a client of it. */
export interface ModelService extends TestService {
  /** Predicts; a string is sent as it is. */
  predict(model: string, body: unknown, query?: string): supertest.Test;
  information(model: string): supertest.Test;
}

/** Writes a folder of models. */
export function writeModelFolders(folders: Readonly<Record<string, ModelFolder>>): string {
  const modelsDir = temporaryFolder();
  for (const [name, folder] of Object.entries(folders)) writeModelFolder(join(modelsDir, name), folder);
  return modelsDir;
}

/** Starts a service with these models. */
export async function startModels(
  models: Readonly<Record<string, ModelFolder>> | string,
  variables: Readonly<Record<string, string>> = {},
): Promise<ModelService> {
  const modelsDir = typeof models === 'string' ? models : writeModelFolders(models);
  const service = await startService({ MLAPI_MODELS_DIR: modelsDir, ...variables });
  const { tokens } = await service.newClient();
  const token = `Bearer ${tokens.access_token}`;
  return {
    ...service,
    predict: (model, body, query = '') =>
      service.http
        .post(`/api/models/${model}/predict${query}`)
        .set('authorization', token)
        .set('content-type', 'application/json')
        .send(typeof body === 'string' ? body : JSON.stringify(body)),
    information: (model) => service.http.get(`/api/models/${model}`).set('authorization', token),
  };
}

/** `{"name": ..., "features": ..., "output": ...}` with defaults. */
export function contractOf(name: string, features: readonly object[], more: object = {}): object {
  return { name, features, output: { kind: 'values' }, ...more };
}

function writeModelFolder(path: string, { onnx, contract, encoding, sample }: ModelFolder): void {
  mkdirSync(path);
  if (onnx !== undefined) writeFileSync(join(path, 'model.onnx'), onnx);
  if (contract !== undefined) writeFileSync(join(path, 'model.json'), text(contract));
  if (sample !== undefined) writeFileSync(join(path, 'sample.json'), text(sample));
  if (encoding === undefined) return;
  const isTable = typeof encoding !== 'string' && !(encoding instanceof Uint8Array);
  const lines = isTable ? encoding.map((cells) => cells.join(',')).join('\n') : encoding;
  writeFileSync(join(path, 'encoding.csv'), lines);
}

function text(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}
