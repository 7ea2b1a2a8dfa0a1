import { describe, expect, test } from '@jest/globals';
import { fromHalf, toHalf } from '../../../mlapi/inference/tensors/float16.ts';

const largestBits = 0x7bff;

describe('FP16', () => {
  test('known numbers have the bits of IEEE 754', () => {
    const known = [
      [0, 0],
      [1, 0x3c00],
      [-2, 0xc000],
      [65_504, 0x7bff],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [0.1, 0x2e66],
      [1 / 3, 0x3555],
      [-0, 0x8000],
    ] as const;
    expect(known.map(([value]) => toHalf(value))).toEqual(known.map(([, bits]) => bits));
    expect([toHalf(65_519.99), toHalf(65_520), toHalf(-1e300)]).toEqual([0x7bff, 0x7c00, 0xfc00]);
    expect([fromHalf(0x7c00), fromHalf(0xfc00), fromHalf(0x7c01)]).toEqual([Infinity, -Infinity, NaN]);
  });

  test('all numbers survive a round trip; others round to the nearest, ties to even', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < largestBits; bits += 1) {
      const [value, next] = [fromHalf(bits), fromHalf(bits + 1)];
      const middle = (value + next) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const near = middle * 2 ** -40;
      const found = [value, middle - near, middle, middle + near, -middle].map(toHalf);
      const expected = [bits, bits, even, bits + 1, even | 0x8000];
      if (next <= value || String(found) !== String(expected)) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });
});
