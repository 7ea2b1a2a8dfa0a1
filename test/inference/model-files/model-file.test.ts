import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { category, good, number, refusal, withContract, withFeature } from '../../support/broken-folders.ts';
import { contractOf, type ModelFolder } from '../../support/model-folders.ts';
import { buildModel, constantModel, constantOf, identityModel } from '../../support/onnx-builder.ts';

const { onnx } = good;

describe('model.onnx stops the start', () => {
  const classifier = readFileSync('resources/models/nsl-kdd-anomaly/model.onnx');
  test.each<[string, ModelFolder]>([
    ['missing', { contract: good.contract }],
    ['missing, in an empty folder', {}],
    ['empty', { onnx: Buffer.alloc(0) }],
    ['of one byte', { onnx: Buffer.from([8]) }],
    ['garbled', { onnx: Buffer.from('<html>not a model</html>') }],
    ['truncated in the middle', { onnx: onnx.subarray(0, onnx.length / 2) }],
    ['truncated by a byte', { onnx: onnx.subarray(0, -1) }],
    ...[0.1, 0.5, 0.9, 0.999].map((part): [string, ModelFolder] => {
      return [`truncated at ${part} of a real model`, { onnx: classifier.subarray(0, part * classifier.length) }];
    }),
  ])('%s', async (_, folder) => {
    expect(await refusal({ m: folder })).toMatch(/^\/m\/model\.onnx: ./);
  });

  test.each([
    [
      'a pickle',
      '\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\x05posix',
      'a Python pickle, not an ONNX model. Export the model to ONNX, for example with skl2onnx.',
    ],
    [
      'a zip archive, as of PyTorch',
      'PK\x03\x04\x14\0\0\0\x08\0abcdefgh',
      'a zip archive, not an ONNX model. Send the ONNX file itself. Export a PyTorch model with torch.onnx.export.',
    ],
    ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\n', 'text, not an ONNX model.'],
    ['an empty file', '', 'empty.'],
  ])('%s is named, with instructions', async (_, bytes, reason) => {
    const onnxFile = Buffer.from(bytes, 'latin1');
    expect(await refusal({ m: { onnx: onnxFile } })).toBe(`/m/model.onnx: The file is ${reason}`);
  });

  const x = { name: 'x', type: 'float32', shape: ['N', 2] } as const;
  const identity = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
  const constant = {
    op: 'Constant',
    inputs: [],
    outputs: ['y'],
    attributes: { value: constantOf([[1, 2]]) },
  };
  const one = { inputs: [x], nodes: [identity], outputs: [{ ...x, name: 'y' }] };
  test.each<[string, Buffer, RegExp]>([
    ['no inputs', buildModel({ ...one, inputs: [], nodes: [constant] }), /^the model has no inputs$/],
    [
      'an input of BF16',
      buildModel({
        inputs: [{ ...x, type: 'bfloat16' }],
        nodes: [identity],
        outputs: [{ ...x, name: 'y', type: 'bfloat16' }],
      }),
      /^an input or an output is BF16, which is not supported; supported types: BOOL, .*, BYTES$/,
    ],
  ])('with %s', async (_, model, cause) => {
    const message = await refusal({ m: { onnx: model } });

    expect(message).toMatch(/^\/m\/model\.onnx: /);
    expect(message.replace('/m/model.onnx: ', '')).toMatch(cause);
  });

  test.each<[string, Buffer]>([
    ['two inputs', buildModel({ ...one, inputs: [x, { ...x, name: 'z' }] })],
    [
      'an input of three dimensions',
      buildModel({ ...one, inputs: [{ ...x, shape: ['N', 2, 2] }], outputs: [{ name: 'y', type: 'float32' }] }),
    ],
    [
      'strings as input',
      buildModel({
        inputs: [{ ...x, type: 'string' }],
        nodes: [identity],
        outputs: [{ ...x, name: 'y', type: 'string' }],
      }),
    ],
    ['batches of exactly 8 rows', identityModel(2, 'float32', 8)],
  ])('%s take no rows, so a contract with features is refused', async (_, model) => {
    expect(await refusal({ m: { ...good, onnx: model } })).toBe(
      '/m/model.json: has "features", but the model takes tensors, not rows',
    );
  });
});

describe('a contract that does not fit the model stops the start', () => {
  const encoding = `column,name,category,encoding\n1,b,x,0.5\n1,b,y,1`;
  const sampled = (sample: unknown) => ({ ...withContract({ sample: 'sample.json' }), sample });
  test.each<[string, ModelFolder, RegExp]>([
    [
      'a pinned tensor that does not exist',
      withContract({ output: { kind: 'values', tensor: 'z' } }),
      /^\/m\/model\.json: the model has no tensor output "z"; its tensor outputs are: y$/,
    ],
    [
      'a code that the tensor does not take',
      withFeature(category('b'), encoding, 'int64'),
      /^\/m\/model\.json: feature "b": the code 0.5 does not fit the model's int64 tensor$/,
    ],
    [
      'a missing value that the tensor does not take',
      withFeature(number('b', { missing: 0.5 }), undefined, 'int64'),
      /^\/m\/model\.json: feature "b": "missing": 0.5 is not a valid value/,
    ],
    [
      'a missing value out of bounds',
      withFeature(number('b', { max: 1, missing: 2 })),
      /^\/m\/model\.json: feature "b": "missing": 2 is not a valid value/,
    ],
    [
      'a missing category that is unknown',
      withFeature(category('b', { unknown: 'x', missing: 'z' }), encoding),
      /^\/m\/model\.json: feature "b": "missing": z is not a valid value/,
    ],
    [
      'unknown: a category that does not exist',
      withFeature(category('b', { unknown: 'OTHER' }), encoding),
      /^\/m\/model\.json: feature "b": "unknown": OTHER is not one of its categories$/,
    ],
    [
      'a sample with a wrong cell',
      sampled({ a: 'x', b: 1 }),
      /^\/m\/model\.json: the model cannot predict its sample: .* \/a "x"; expected a finite number\.$/,
    ],
    [
      'a sample that lacks a cell',
      sampled({ a: 1 }),
      /^\/m\/model\.json: the model cannot predict its sample: .* \/b missing/,
    ],
    [
      'a sample that is a list',
      sampled([[1, 2]]),
      /^\/m\/sample\.json: the sample must be a JSON object with one value per feature$/,
    ],
    ['a missing sample file', withContract({ sample: 'sample.json' }), /^\/m\/sample\.json: file not found/],
    [
      'an output that is not finite',
      { onnx: constantModel(constantOf([['NaN']])), contract: contractOf('m', [number('a')]) },
      /^\/m\/model\.json: the model cannot predict its sample: .*not a finite number/,
    ],
    [
      'a float16 output',
      {
        onnx: buildModel({
          inputs: [{ name: 'x', type: 'float32', shape: ['N', 2] }],
          nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: 10 } }],
          outputs: [{ name: 'y', type: 'float16', shape: ['N', 2] }],
        }),
      },
      /^\/m\/model\.onnx: the output "y" is FP16, which is not supported for predictions$/,
    ],
  ])('%s', async (_, folder, message) => {
    expect(await refusal({ m: folder })).toMatch(message);
  });

  test('without model.json, a folder name that is not a model name', async () => {
    expect(await refusal({ 'My Model': { onnx } })).toMatch(/^\/My Model: "name" with value "My Model" must be/);
  });
});
