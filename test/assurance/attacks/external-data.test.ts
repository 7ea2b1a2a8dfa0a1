import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { InferenceSession } from 'onnxruntime-node';
import { readModel } from '../../../mlapi/inference/model-files/read-model.ts';
import { ModelWrapper } from '../../../mlapi/inference/execution/model-wrapper.ts';
import { externalModel, externalTensor, otherWeights, weights } from '../../support/external-data.ts';
import { attribute, graph, model, node } from '../../support/hostile-onnx.ts';
import { bytes, identityModel, type Field } from '../../support/onnx-builder.ts';
import { temporaryFolder } from '../../support/service.ts';

const data = 'model.onnx.data';
const home = process.cwd();
let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, 'model.onnx');
});
afterEach(() => process.chdir(home));

function write(files: Readonly<Record<string, Buffer>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

async function answer(): Promise<number[]> {
  const loaded = await ModelWrapper.load(path);
  const { data: values } = await loaded.run({ data: Float32Array.of(1, 1), rows: 1, width: 2 }, 'y');
  await loaded.release();
  return [...(values as Float32Array)];
}

describe('external data outside the model’s folder are never read', () => {
  test('a file of the same name in the working directory is never used: the one beside the model is, or the model is refused', async () => {
    const decoys = temporaryFolder();
    writeFileSync(join(decoys, data), otherWeights);
    process.chdir(decoys);
    write({ 'model.onnx': externalModel() });

    await expect(answer()).rejects.toThrow(
      `${path}: its external data "${data}" is missing: put the file itself beside model.onnx, or save the weights inside the model file`,
    );
    write({ [data]: weights });
    expect(await answer()).toEqual([4, 6]);
  });

  test('the runtime itself, with our load options, does not look for files', async () => {
    const exported = join(home, 'test/fixtures/torch-default-export');
    const bytes = readFileSync(join(exported, 'model.onnx'));
    write({ 'model.onnx': identityModel(2) });
    const { options } = readModel(path);
    process.chdir(exported);

    await expect(InferenceSession.create(bytes, options)).rejects.toThrow(/External data path does not exist/);
    // Without the options it reads the file in the working directory.
    await (await InferenceSession.create(bytes)).release();
  });

  test.each<[string, (outside: string) => void, RegExp]>([
    ['a symbolic link out of the folder', (outside) => symlinkSync(outside, join(folder, data)), /is a symbolic link/],
    [
      'a symbolic link inside the folder',
      () => {
        write({ real: weights });
        symlinkSync('real', join(folder, data));
      },
      /is a symbolic link/,
    ],
    ['a link to nothing', () => symlinkSync('/nowhere/at/all', join(folder, data)), /is a symbolic link/],
    ['a hard link', (outside) => linkSync(outside, join(folder, data)), /is a hard link to another file/],
    ['a pipe', () => execFileSync('mkfifo', [join(folder, data)]), /is not a regular file/],
    ['a folder', () => mkdirSync(join(folder, data)), /is not a regular file/],
    ['a link to a device', () => symlinkSync('/dev/zero', join(folder, data)), /is a symbolic link/],
  ])('%s', async (_, place, cause) => {
    const outside = join(temporaryFolder(), 'outside.bin');
    writeFileSync(outside, weights);
    write({ 'model.onnx': externalModel() });
    place(outside);

    const refused = expect(answer()).rejects;
    await refused.toThrow(cause);
    await expect(answer()).rejects.toThrow(`${path}: its external data "${data}" `);
  });

  test('a subfolder that is a link', async () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'w.bin'), weights);
    symlinkSync(outside, join(folder, 'weights'));
    write({ 'model.onnx': externalModel('weights/w.bin') });

    await expect(answer()).rejects.toThrow(/"weights\/w\.bin" is reached through a link/);
  });

  const outside = [
    '/etc/hostname',
    '../w.bin',
    'a/../../w.bin',
    './w.bin',
    'a//w.bin',
    'w.bin/',
    'a\\w.bin',
    '../..',
    '.',
  ];
  const machine = ['/proc/self/environ', '/proc/self/cwd/w.bin', '/dev/zero', 'file:///etc/passwd', 'w\n.bin'];
  test.each([...outside, ...machine])('the location %j', async (location) => {
    write({ 'model.onnx': externalModel(location), 'w.bin': weights });
    writeFileSync(join(folder, '../..', 'w.bin'), weights);

    await expect(answer()).rejects.toThrow(/is not a path inside its folder: put the file itself beside model\.onnx/);
    rmSync(join(folder, '../..', 'w.bin'));
  });

  test('an address in the memory of the process', async () => {
    write({
      'model.onnx': externalModel([
        ['location', '*/_ORT_MEM_ADDR_/*'],
        ['offset', '4096'],
        ['length', '16'],
      ]),
    });

    await expect(answer()).rejects.toThrow(/is not a path inside its folder/);
  });
});

describe('hostile entries', () => {
  const location = ['location', data] as const;
  const tooLong = /has 16 bytes, but the model reads up to byte/;
  test.each<[string, readonly (readonly [string, string])[], RegExp]>([
    ['an offset past the end', [location, ['offset', '17'], ['length', '0']], tooLong],
    ['a length over the end', [location, ['offset', '4'], ['length', '16']], tooLong],
    ['a sum that would overflow', [location, ['offset', '999999999999999'], ['length', '999999999999999']], tooLong],
    ['an offset over the end, without a length', [location, ['offset', '8']], /out of bounds/],
    ['another length than the shape has', [location, ['offset', '0'], ['length', '8']], /size mismatch|out of bounds/],
    ['a negative offset', [location, ['offset', '-1']], /an invalid offset or length/],
    ['an offset of 2^64', [location, ['offset', '18446744073709551616']], /an invalid offset or length/],
    ['a length in hexadecimal', [location, ['length', '0x10']], /an invalid offset or length/],
    ['two locations', [location, ['location', 'b']], /repeats a key/],
    ['no location', [['offset', '0']], /without a location/],
    ['an empty location', [['location', '']], /without a location/],
    ['a key of the runtime', [location, ['prepacked_0', 'x']], /the key "prepacked_0"/],
  ])('%s', async (_, entries, cause) => {
    write({ 'model.onnx': externalModel(entries), [data]: weights });

    await expect(answer()).rejects.toThrow(cause);
  });

  const elsewhere = externalTensor([location]);
  const branch = (name: string) => attribute(name, 5, bytes(6, graph({ inputs: [], more: [bytes(5, elsewhere)] })));
  const nodeWith = (...attributes: Field[][]) => model({ graph: graph({ nodes: [node({ attributes })] }) });
  test.each<[string, Buffer]>([
    ['an attribute', nodeWith(attribute('value', 4, bytes(5, elsewhere)))],
    ['a list of tensors', nodeWith(attribute('value', 9, bytes(10, elsewhere)))],
    ['a subgraph', nodeWith(branch('then_branch'))],
    ['a list of subgraphs', nodeWith(attribute('g', 10, bytes(11, graph({ more: [bytes(5, elsewhere)] }))))],
    ['a sparse tensor', model({ graph: graph({ more: [bytes(15, [bytes(1, elsewhere)])] }) })],
    ['the indices of a sparse attribute', nodeWith(attribute('s', 11, bytes(22, [bytes(2, elsewhere)])))],
    [
      'a function',
      model({ more: [bytes(25, [bytes(7, node({ attributes: [attribute('value', 4, bytes(5, elsewhere))] }))])] }),
    ],
    [
      'the defaults of a function',
      model({ more: [bytes(25, [bytes(11, attribute('value', 4, bytes(5, elsewhere)))])] }),
    ],
    ['training information', model({ more: [bytes(20, [bytes(1, graph({ more: [bytes(5, elsewhere)] }))])] })],
  ])('in %s, where the runtime does not use the bytes that it is given', async (_, onnx) => {
    write({ 'model.onnx': onnx, [data]: weights });

    await expect(answer()).rejects.toThrow(
      /the tensor "w" has external data but is not an initializer of the main graph/,
    );
  });

  test('endless nesting', async () => {
    let inner: Field[] = graph();
    for (let depth = 0; depth < 200; depth += 1)
      inner = graph({ nodes: [node({ attributes: [attribute('g', 5, bytes(6, inner))] })] });
    write({ 'model.onnx': model({ graph: inner }) });

    await expect(answer()).rejects.toThrow(/nested more than 100 levels deep/);
  });
});
