import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Contract } from '../../../mlapi/inference/contract/types.ts';
import { jsonResponse } from '../../../mlapi/inference/postprocessing/json-response.ts';
import {
  PredictionResponder,
  type PredictionResponse,
} from '../../../mlapi/inference/postprocessing/prediction-response.ts';

describe('a long response', () => {
  const wide: PredictionResponse = {
    model: 'm',
    version: '1',
    predictions: ['a', 'b'],
    scores: Array(2).fill(Array(200_000).fill(0.25)) as number[][],
  };
  const longest = (pieces: Iterable<unknown> = []) => Math.max(...[...pieces].map((piece) => String(piece).length));

  test('is generated in chunks, even if one row is long', () => {
    const json = jsonResponse(wide, {});
    expect([...json.chunks!].join('')).toBe(JSON.stringify(wide));
    expect(longest(json.chunks)).toBeLessThan(100_000);
  });

  test('equals JSON.stringify for any rows', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const row = fc.oneof(fc.string({ unit: 'binary' }), number, fc.array(number, { maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), fc.array(fc.array(number)), (rows, scores) => {
        // Many labels make the response long.
        const classes = Array.from({ length: 9_000 }, (_, at) => `"${at}\u2028`);
        const answer = { model: 'm', version: '1', predictions: rows, classes, scores };
        expect([...jsonResponse(answer, {}).chunks!].join('')).toBe(JSON.stringify(answer));
      }),
      { numRuns: 50 },
    );
  });

  test('reserves its memory before its lists are built', () => {
    const asked: number[] = [];
    const memory = { reserve: (bytes: number) => asked.push(bytes) };
    const contract = { name: 'm', version: '1', output: { kind: 'values' } } as unknown as Contract;
    const responder = new PredictionResponder({ contract, metadata: { sha256: '' }, includesDigest: false });
    responder.answer({ data: new Float64Array(100_000), shape: [50_000, 2] }, 50_000, false, memory);
    expect(asked[0]).toBeGreaterThanOrEqual(100_000 * 8 + 50_000 * 32);
  });
});
