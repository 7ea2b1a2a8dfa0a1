import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { quoteLongIntegers } from '../../mlapi/inference/tensors/exact-integers.ts';
import type { TensorData } from '../../mlapi/inference/tensors/types.ts';
import { InferRequestReader } from '../../mlapi/oip/infer/infer-request.ts';
import { writeInferResponse } from '../../mlapi/oip/infer/infer-response.ts';

const whole = (min: number, max: number) => fc.integer({ min, max });
/** Elements of every datatype, and how they are stored. */
const datatypes: Readonly<Record<string, [fc.Arbitrary<unknown>, (values: never[]) => TensorData]>> = {
  BOOL: [whole(0, 1), (values) => Uint8Array.from(values)],
  UINT8: [whole(0, 255), (values) => Uint8Array.from(values)],
  UINT16: [whole(0, 65_535), (values) => Uint16Array.from(values)],
  UINT32: [whole(0, 4_294_967_295), (values) => Uint32Array.from(values)],
  UINT64: [fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (values) => BigUint64Array.from(values)],
  INT8: [whole(-128, 127), (values) => Int8Array.from(values)],
  INT16: [whole(-32_768, 32_767), (values) => Int16Array.from(values)],
  INT32: [whole(-2_147_483_648, 2_147_483_647), (values) => Int32Array.from(values)],
  INT64: [fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (values) => BigInt64Array.from(values)],
  FP16: [whole(0, 0x7bff), (values) => Uint16Array.from(values)],
  FP32: [fc.float({ noNaN: true, noDefaultInfinity: true }), (values) => Float32Array.from(values)],
  FP64: [fc.double({ noNaN: true, noDefaultInfinity: true }), (values) => Float64Array.from(values)],
  BYTES: [fc.string({ unit: 'binary' }), (values) => values],
};

const tensor = fc.constantFrom(...Object.keys(datatypes)).chain((datatype) =>
  fc.array(whole(1, 4), { maxLength: 3 }).chain((shape) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const [element, keep] = datatypes[datatype]!;
    const data = fc.array(element, { minLength: count, maxLength: count }).map((values) => keep(values as never[]));
    return fc.record({ datatype: fc.constant(datatype), shape: fc.constant(shape), data });
  }),
);

function positive(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

/** A response with these outputs, turned into a request with the same inputs. */
function backAsRequest(
  tensors: readonly { datatype: string; shape: readonly number[]; data: TensorData; isBinary: boolean }[],
) {
  const outputs = tensors.map(({ isBinary, ...each }, index) => ({ output: { name: `t${index}`, ...each }, isBinary }));
  const { json, binary } = writeInferResponse({ model: 'm', version: '1', id: 'é', outputs });
  const text = json.replace('"outputs"', '"inputs"');
  return new InferRequestReader().read(Buffer.concat([Buffer.from(text), ...binary]), String(Buffer.byteLength(text)));
}

describe('the codec', () => {
  test('reads what it writes: every datatype and shape, in JSON and as binary data, bit by bit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(tensor, fc.boolean()), { minLength: 1, maxLength: 4 }), (tensors) => {
        const sent = tensors.map(([each, isBinary]) => ({ ...each, isBinary }));
        const { inputs, id } = backAsRequest(sent);
        expect(id).toBe('é');
        for (const [index, { datatype, shape, data, isBinary }] of sent.entries()) {
          expect(inputs[index]).toMatchObject({ datatype, shape });
          const found = inputs[index]!.data;
          if (isBinary) expect(found).toEqual(data);
          // JSON writes -0 as 0.
          else
            expect(Array.from(found as ArrayLike<unknown>, positive)).toEqual(
              Array.from(data as ArrayLike<unknown>, positive),
            );
        }
      }),
      { numRuns: 500 },
    );
  });

  test('arbitrary bytes are parsed or refused with 400, without other errors', () => {
    const size = fc.oneof(whole(-2, 40), fc.constantFrom(1.5, '4', null, 2 ** 53));
    const oddInput = fc.record(
      {
        name: fc.constantFrom<unknown>('x', 'y', 7, null),
        shape: fc.oneof(fc.array(fc.oneof(whole(-1, 9), fc.constantFrom(1e9, 0.5)), { maxLength: 3 }), fc.anything()),
        datatype: fc.constantFrom(...Object.keys(datatypes), 'FP8', 5),
        parameters: fc.oneof(fc.record({ binary_data_size: size }), fc.constant(null)),
        data: fc.oneof(fc.array(fc.anything()), fc.constant(undefined)),
      },
      { requiredKeys: [] },
    );
    const json = fc.record({ inputs: fc.array(oddInput) }).map((value) => {
      return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
    });
    fc.assert(
      fc.property(json, fc.uint8Array({ maxLength: 40 }), (text, bytes) => {
        try {
          new InferRequestReader().read(Buffer.concat([Buffer.from(text), bytes]), String(Buffer.byteLength(text)));
        } catch (error) {
          expect(error).toMatchObject({ name: 'Problem', status: 400 });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('long integers become text with their digits, and nothing else in any JSON changes', () => {
    const asNumbers = (_: string, each: unknown) =>
      typeof each === 'string' && /^-?\d{15,}$/.test(each) ? Number(each) : each;
    const long = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).filter((each) => String(each).length > 16);
    fc.assert(
      fc.property(fc.json(), long, fc.string(), (value, number, text) => {
        const json = `[${value},{${JSON.stringify(text)}: ${number} },${number}]`;
        const quoted = quoteLongIntegers(json);
        expect(JSON.parse(quoted, asNumbers)).toEqual(JSON.parse(json, asNumbers));
        expect((JSON.parse(quoted) as unknown[]).at(-1)).toBe(String(number));
      }),
      { numRuns: 500 },
    );
  });
});
