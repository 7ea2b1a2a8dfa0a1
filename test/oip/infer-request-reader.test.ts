import { describe, expect, test } from '@jest/globals';
import { InferRequestReader } from '../../mlapi/oip/infer/infer-request.ts';

describe('a reader that caches JSON headers', () => {
  const jsonOf = (rows: number, id?: string) =>
    JSON.stringify({
      ...(id !== undefined && { id }),
      inputs: [{ name: 'x', shape: [rows, 1], datatype: 'FP32', parameters: { binary_data_size: 4 * rows } }],
    });
  const binaryOf = (json: string, ...values: number[]) =>
    Buffer.concat([Buffer.from(json), Buffer.from(Float32Array.from(values).buffer)]);

  test('repeated JSON with other binary data: each request gets its own data', () => {
    const reader = new InferRequestReader();
    const json = jsonOf(2);
    const first = reader.read(binaryOf(json, 1, 2), String(json.length));
    const second = reader.read(binaryOf(json, 3, 4), String(json.length));
    expect([first, second].map(({ inputs }) => [...inputs[0]!.data])).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(reader.remembered).toBe(1);
    expect(first.inputs[0]).toMatchObject({ name: 'x', shape: [2, 1], datatype: 'FP32' });
  });

  test('400: wrong data are found even if the JSON is cached; wrong JSON is found every time', () => {
    const reader = new InferRequestReader();
    const json = jsonOf(2);
    reader.read(binaryOf(json, 1, 2), String(json.length));
    const again = (...values: number[]) => reader.read(binaryOf(json, ...values), String(json.length));
    expect(() => again(1)).toThrow('fewer bytes');
    expect(() => again(1, 2, 3)).toThrow('more bytes than its inputs');
    expect(() => again(1, NaN)).toThrow('not a finite number');
    const wrong = json.replace('FP32', 'FP33');
    for (let time = 0; time < 2; time += 1)
      expect(() => reader.read(binaryOf(wrong, 1, 2), String(wrong.length))).toThrow('inputs[0].datatype');
  });

  test('data in JSON are read from each request, even beside binary inputs', () => {
    const reader = new InferRequestReader();
    const read = (data: number) => {
      const inputs = [
        { name: 'a', shape: [1], datatype: 'UINT8', parameters: { binary_data_size: 1 } },
        { name: 'b', shape: [1], datatype: 'INT16', data: [data] },
      ];
      const json = JSON.stringify({ inputs });
      return reader.read(Buffer.concat([Buffer.from(json), Buffer.of(9)]), String(json.length)).inputs[1]!.data;
    };
    expect([read(1), read(2), read(1)].map(([value]) => value)).toEqual([1, 2, 1]);
  });

  test('any number of different headers can be read, of which 128 are cached', () => {
    const reader = new InferRequestReader();
    for (let round = 0; round < 2; round += 1)
      for (let index = 0; index < 500; index += 1) {
        const json = jsonOf(1, `request ${index}`);
        const { id, inputs } = reader.read(binaryOf(json, index), String(json.length));
        expect([id, inputs[0]!.data[0]]).toEqual([`request ${index}`, index]);
      }
    expect(reader.remembered).toBe(128);
  });
});
