import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { findModelIsolation } from '../../../mlapi/inference/execution/model-isolation.ts';
import { ModelWrapper } from '../../../mlapi/inference/execution/model-wrapper.ts';
import { ProcessPool } from '../../../mlapi/inference/execution/process-pool.ts';
import type { ModelMetadata } from '../../../mlapi/inference/tensors/types.ts';
import {
  externalModel,
  externalTensor,
  otherWeights,
  sha256Of,
  weights,
  withInitializers,
} from '../../support/external-data.ts';
import { graph, model, node, value } from '../../support/hostile-onnx.ts';
import { startModels } from '../../support/model-folders.ts';
import { bytes, varint } from '../../support/onnx-builder.ts';
import { temporaryFolder } from '../../support/service.ts';

const row = { data: Float32Array.of(1, 1), rows: 1, width: 2 };
const data = 'model.onnx.data';
let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, 'model.onnx');
});

function write(files: Readonly<Record<string, Buffer>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

async function answer(): Promise<number[]> {
  const loaded = await ModelWrapper.load(path);
  const { data: values } = await loaded.run(row, 'y');
  await loaded.release();
  return [...(values as Float32Array)];
}

const digest = async () => (await ModelWrapper.load(path)).metadata.sha256;

describe('external data in the model’s folder', () => {
  test('200: the default export of PyTorch, model.onnx and model.onnx.data', async () => {
    const modelsDir = temporaryFolder();
    cpSync('test/fixtures/torch-default-export', join(modelsDir, 'torch-default-export'), { recursive: true });
    const service = await startModels(modelsDir);
    const request = readFileSync('test/fixtures/torch-default-export/request.json', 'utf8');

    const answered = await service.http
      .post('/v2/models/torch-default-export/infer')
      .set('authorization', `Bearer ${(await service.newClient()).tokens.access_token}`)
      .set('content-type', 'application/json')
      .send(request);

    expect(answered.status).toBe(200);
    const { outputs } = answered.body as { outputs: { data: number[] }[] };
    const expected = [0.2740916, 0.0479429, -0.3170643, 0.0582003, 0.0873967];
    for (const [at, number] of expected.entries()) expect(outputs[0]!.data[at]).toBeCloseTo(number, 5);
    const { sha256, files } = (await service.information('torch-default-export')).body as Pick<
      ModelMetadata,
      'sha256' | 'files'
    >;
    expect(files?.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([
      ['model.onnx', 1218],
      [data, 432],
    ]);
    expect(sha256Of(files!.map((file) => `${file.sha256}  ${file.name}\n`).join(''))).toBe(sha256);
    await service.close();
  });

  test.each([
    ['under its default name', data],
    ['in a folder below', 'weights/part-1.bin'],
    ['under a name with spaces and non-ASCII letters', 'Gewichte für w.bin'],
  ])('%s', async (_, name) => {
    mkdirSync(join(folder, 'weights'));
    write({ 'model.onnx': externalModel(name), [name]: weights });

    expect(await answer()).toEqual([4, 6]);
  });

  test('several files, and a part of one', async () => {
    const at = (location: string, offset: string) =>
      [
        ['location', location],
        ['offset', offset],
        ['length', '16'],
      ] as const;
    const sum = model({
      graph: graph({
        nodes: [node({ op: 'Add', inputs: ['v', 'w'], outputs: ['s'] }), node({ op: 'MatMul', inputs: ['x', 's'] })],
        inputs: [value('x', ['N', 2])],
        outputs: [value('y', ['N', 2])],
        more: [bytes(5, externalTensor(at('b', '32'), 'v')), bytes(5, externalTensor(at('a', '0')))],
      }),
    });
    write({ 'model.onnx': sum, a: weights, b: Buffer.concat([Buffer.alloc(32), otherWeights]) });

    expect(await answer()).toEqual([404, 606]);
    const lines = [
      ['model.onnx', sum],
      ['a', weights],
      ['b', readFileSync(join(folder, 'b'))],
    ] as const;
    expect(await digest()).toBe(sha256Of(lines.map(([name, file]) => `${sha256Of(file)}  ${name}\n`).join('')));
  });

  test('the digest covers all files, as printed by sha256sum; without external data it is that of model.onnx', async () => {
    write({ 'model.onnx': externalModel(), [data]: weights });
    const sum = execFileSync('/bin/sh', ['-c', `sha256sum model.onnx ${data} | sha256sum`], { cwd: folder });
    const before = await digest();

    expect(before).toBe(String(sum).slice(0, 64));
    write({ [data]: otherWeights });
    expect(await digest()).not.toBe(before);
    const plain = withInitializers(
      bytes(5, [varint(1, 2), varint(1, 2), varint(2, 1), bytes(8, 'w'), bytes(9, weights)]),
    );
    write({ 'model.onnx': plain });
    expect(await digest()).toBe(sha256Of(plain));
  });
});

describe('in a child process', () => {
  const start = async (confinement?: { memoryBytes: number; isolation: 'namespaces' | 'limits' }) => {
    const { metadata } = await ModelWrapper.load(path);
    return ProcessPool.start({ path, sha256: metadata.sha256, outputName: 'y', slots: 1, confinement });
  };

  test('it is available in the sandbox too, whatever the working directory', async () => {
    write({ 'model.onnx': externalModel(), [data]: weights });
    const confinement = { memoryBytes: 268_435_456, isolation: await findModelIsolation() };

    for (const each of [undefined, confinement]) {
      const pool = await start(each);
      expect([...((await pool.run(row, Infinity)).output.data as Float32Array)]).toEqual([4, 6]);
      await pool.release();
    }
  });

  test('changed external data are refused', async () => {
    write({ 'model.onnx': externalModel(), [data]: weights });
    const { metadata } = await ModelWrapper.load(path);
    write({ [`${data}.new`]: otherWeights });
    renameSync(join(folder, `${data}.new`), join(folder, data));

    await expect(ProcessPool.start({ path, sha256: metadata.sha256, outputName: 'y', slots: 1 })).rejects.toThrow(
      `${path}: the model file has changed`,
    );
  });
});
