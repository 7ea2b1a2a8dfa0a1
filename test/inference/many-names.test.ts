import { describe, expect, test } from '@jest/globals';
import { FeatureEncoder } from '../../mlapi/inference/preprocessing/feature-encoder.ts';
import { Postprocessor } from '../../mlapi/inference/postprocessing/postprocessor.ts';
import { explainRow } from '../../mlapi/inference/preprocessing/row-errors.ts';
import { toTensorInput } from '../../mlapi/inference/tensors/input-tensors.ts';

/** A list that counts how often its elements are read. */
function counting<T extends object>(list: T): { list: T; reads: () => number } {
  let reads = 0;
  const get = (target: T, key: string | symbol, receiver: unknown): unknown => {
    if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
    return Reflect.get(target, key, receiver);
  };
  return { list: new Proxy(list, { get }), reads: () => reads };
}

describe('linear cost when clients choose the number of names', () => {
  test('labels: 10,000 text predictions are checked against 25,000 labels without scanning them', () => {
    const { list: labels, reads } = counting(Array.from({ length: 25_000 }, (_, index) => `label-${index}`));
    const postprocessor = new Postprocessor({ kind: 'class_scores', labels });
    const before = reads();
    const rows = 10_000;
    const data = Array.from({ length: rows }, (_, index) => `label-${24_999 - (index % 100)}`);

    expect(postprocessor.predictions({ data, shape: [rows] }, rows)).toEqual(data);

    expect(reads() - before).toBeLessThanOrEqual(rows);
    const strange = { data: [...data.slice(1), 'none'], shape: [rows] };
    expect(() => postprocessor.predictions(strange, rows)).toThrow('a label is not in the contract');
  });

  test('inputs: 2,000 tensors are matched to their inputs without scanning them', () => {
    const infos = Array.from({ length: 2_000 }, (_, index) => ({ name: `x${index}`, datatype: 'FP32', shape: [1] }));
    const { list: inputs, reads } = counting(infos);
    const tensors = infos.map((info) => ({ ...info, data: new Float32Array(1) })).reverse();

    expect(toTensorInput(tensors, { inputs }).rows).toBe(1);

    expect(reads()).toBeLessThanOrEqual(10 * infos.length);
    const other = [...tensors.slice(1), { ...tensors[0]!, name: 'other' }];
    expect(() => toTensorInput(other, { inputs: infos })).toThrow('Send each input of this model once');
    expect(() => toTensorInput(tensors.slice(1), { inputs: infos })).toThrow('Send each input of this model once');
  });

  test('errors: a row of wrong cells is encoded only until enough errors are found', () => {
    let encoded = 0;
    class CountingEncoder extends FeatureEncoder {
      override encode(value: unknown): number {
        encoded += 1;
        return super.encode(value);
      }
    }
    const encoders = Array.from(
      { length: 5_000 },
      (_, index) => new CountingEncoder({ name: `f${index}`, type: 'number', missing: 'reject' }, 'float32'),
    );
    const row = encoders.map(() => 'wrong');

    expect(explainRow(row, encoders, { pointer: '/0', most: 20 })).toHaveLength(20);

    expect(encoded).toBeLessThanOrEqual(20);
  });
});
