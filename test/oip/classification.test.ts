import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TensorData } from '../../mlapi/inference/tensors/types.ts';
import { classify } from '../../mlapi/oip/infer/classification.ts';

const output = (data: TensorData, shape: number[], datatype = 'FP64') => ({ name: 'y', datatype, data, shape });

const memory = { reserve: () => undefined };
const classes = (count: number) => ({ count, memory, heldBytes: 0 });

describe('the top classes of each row', () => {
  test('equal those of a stable sort, for any numbers', async () => {
    const row = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(row, fc.integer({ min: 0, max: 50 }), async (values, count) => {
        const { data, shape } = await classify(output(Float64Array.from(values), [1, values.length]), classes(count));
        const order = values.map((_, column) => column).sort((a, b) => values[b]! - values[a]! || a - b);
        expect(Array.from(data, (text) => Number(String(text).split(':')[1]))).toEqual(order.slice(0, count));
        expect(shape).toEqual([1, Math.min(count, values.length)]);
      }),
    );
  });

  test('rank NaN last, and compare FP16 by value', async () => {
    const numbers = await classify(output(Float64Array.of(NaN, 1, NaN, 2), [1, 4]), classes(3));
    expect(numbers.data).toEqual(['2.000000:3', '1.000000:1', 'NaN:0']);
    const halves = await classify(output(Uint16Array.of(0xbc00, 0x3c00, 0xc000), [1, 3], 'FP16'), classes(3));
    expect(halves.data).toEqual(['1.000000:1', '-1.000000:0', '-2.000000:2']);
  });

  test('are found without blocking the event loop for large outputs', async () => {
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await classify(output(new Float64Array(400_000), [4, 100_000]), classes(5));
    isOver = true;
    expect(turns).toBeGreaterThan(30);
  });

  test('400: more than 1,000 per row', async () => {
    const wide = output(new Float64Array(2_000), [1, 2_000]);
    await expect(classify(wide, classes(1_001))).rejects.toMatchObject({ status: 400 });
    expect((await classify(wide, classes(1_000))).shape).toEqual([1, 1_000]);
  });

  test('422 before any work: more than 64 MiB of text, labels included', async () => {
    const tall = output(new Float32Array(1_000_000), [1_000_000, 1], 'FP32');
    const took = { list: [] as number[] };
    const memory = { reserve: (bytes: number) => took.list.push(bytes) };
    const refused = classify(tall, { count: 1, memory, heldBytes: 0 });
    await expect(refused).rejects.toMatchObject({ status: 422, message: expect.stringContaining('send fewer rows') });
    const labelled = classify(output(new Float32Array(400_000), [400_000, 1], 'FP32'), {
      ...{ count: 1, memory, heldBytes: 0 },
      labels: ['x'.repeat(256)],
    });
    await expect(labelled).rejects.toMatchObject({ status: 422 });
    expect(took.list).toEqual([]);
  });

  test('503: if there is no memory for them', async () => {
    const memory = {
      reserve: (bytes: number) => {
        throw new Error(`asked for ${bytes}`);
      },
    };
    const asked = classify(output(new Float32Array(1_000), [1_000, 1], 'FP32'), { count: 1, memory, heldBytes: 7 });
    await expect(asked).rejects.toThrow('asked for 96007');
  });
});
