import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { Tensor } from 'onnxruntime-node';
import { isDirect, openSession } from '../../../mlapi/inference/execution/runtime-session.ts';
import { buildModel, identityModel, type ElementType } from '../../support/onnx-builder.ts';

const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const;
const open = (model: Buffer) =>
  Promise.all([openSession(model, options, 'direct'), openSession(model, options, 'public')]);

type Supported = Exclude<ElementType, 'bfloat16'>;

/** Two elements of each type, at the limits of its range. */
const elements: Readonly<Record<Supported, Tensor['data']>> = {
  bool: Uint8Array.from([1, 0]),
  uint8: Uint8Array.from([0, 255]),
  uint16: Uint16Array.from([0, 65_535]),
  uint32: Uint32Array.from([0, 4_294_967_295]),
  uint64: BigUint64Array.from([0n, 18_446_744_073_709_551_615n]),
  int8: Int8Array.from([-128, 127]),
  int16: Int16Array.from([-32_768, 32_767]),
  int32: Int32Array.from([-2_147_483_648, 2_147_483_647]),
  int64: BigInt64Array.from([-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n]),
  float16: Uint16Array.from([0x7bff, 0xb800]),
  float32: Float32Array.from([-0.5, NaN]),
  float64: Float64Array.from([-1e300, 5e-324]),
  string: ['', 'é\n"'],
};

test('the installed version of the runtime is the one whose native binding was tested', () => {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };

  expect([version, isDirect]).toEqual(['1.30.0', true]);
});

describe('the native binding does what the public API does', () => {
  test.each(Object.entries(elements) as [Supported, Tensor['data']][])('%s: metadata and a run', async (type, data) => {
    const [direct, common] = await open(identityModel(2, type));
    expect(direct.inputMetadata).toEqual(common.inputMetadata);
    expect(direct.outputMetadata).toEqual(common.outputMetadata);
    const names = direct.outputMetadata.map(({ name }) => name);
    const feeds = { x: Object.assign(new Tensor(type, data, [1, 2]), type === 'float16' ? { cpuData: data } : {}) };

    const outputs = [direct, common].map(async (session) => {
      let begun = 0;
      const found = await session.run(feeds, names, () => (begun += 1));
      return {
        begun,
        found: Object.entries(found).map(([name, value]) => [name, value.type, value.dims, value.data]),
      };
    });

    const [made, expected] = await Promise.all(outputs);
    expect(made).toEqual(expected);
    expect(made!.found).toHaveLength(1);
    await Promise.all([direct.release(), common.release()]);
  });

  test('shapes with fixed sizes, names and none', async () => {
    const port = { name: 'x', type: 'float32', shape: ['N', 3, ''] } as const;
    const nodes = [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }];
    const [direct, common] = await open(buildModel({ inputs: [port], nodes, outputs: [{ ...port, name: 'y' }] }));

    expect(direct.inputMetadata).toEqual(common.inputMetadata);
  });

  test.each([
    ['a missing input', {}, ['y']],
    ['a wrong type', { x: new Tensor('int32', [1, 2], [1, 2]) }, ['y']],
    ['a wrong shape', { x: new Tensor('float32', [1, 2, 3], [1, 3]) }, ['y']],
    ['an unknown output', { x: new Tensor('float32', [1, 2], [1, 2]) }, ['nothing']],
  ])('both refuse %s', async (_what, feeds, names) => {
    for (const session of await open(identityModel(2)))
      await expect((async () => session.run(feeds, names, () => undefined))()).rejects.toThrow();
  });

  test('both refuse a file that is no model', async () => {
    for (const way of ['direct', 'public'] as const)
      await expect(openSession(Buffer.from('nothing'), options, way)).rejects.toThrow();
  });

  test('a released session refuses runs, and can be released again', async () => {
    const [direct] = await open(identityModel(2));
    await direct.release();
    await direct.release();

    expect(() => direct.run({ x: new Tensor('float32', [1, 2], [1, 2]) }, ['y'], () => undefined)).toThrow('released');
  });
});
