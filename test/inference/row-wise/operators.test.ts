import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { rowWiseOperators } from '../../../mlapi/inference/row-wise/operators.ts';
import { proveRowWise } from '../../../mlapi/inference/row-wise/prove.ts';
import { structural } from '../../support/operator-cases-of-shapes.ts';
import { arithmetic } from '../../support/operator-cases.ts';
import { rowsFor, runRows, writeOperatorModel } from '../../support/operator-models.ts';
import { temporaryFolder } from '../../support/service.ts';

const cases = { ...arithmetic, ...structural };
const path = join(temporaryFolder(), 'model.onnx');

async function prove(onnx: Uint8Array): Promise<string | null | undefined> {
  writeFileSync(path, onnx);
  return (await proveRowWise(path, ['y'])).y;
}

test('the test cases cover exactly the operators that can be proved', () => {
  const known = [...rowWiseOperators.values()].flatMap(({ rules }) => [...rules.keys()]);

  expect(Object.keys(cases).sort()).toEqual(known.sort());
});

describe.each(Object.entries(cases))('%s', (_operator, { apart, mixed = [] }) => {
  test.each(apart.map((model, at) => [at, model] as const))('row-wise, proved and run: case %i', async (_, model) => {
    const onnx = writeOperatorModel(model);

    expect(await prove(onnx)).toBeNull();
    const { together, alone } = await runRows(onnx, rowsFor(model, 5));
    together.forEach((entry, row) => {
      entry.forEach((value, at) => {
        const wanted = alone[row]![at];
        if (typeof value === 'number' && Number.isFinite(value)) expect(value).toBeCloseTo(wanted as number, 4);
        else expect(value).toEqual(wanted);
      });
    });
  });

  if (mixed.length > 0)
    test.each(mixed.map((model, at) => [at, model] as const))(
      'unproved if rows could mix: case %i',
      async (_, model) => {
        expect(await prove(writeOperatorModel(model))).toEqual(expect.any(String));
      },
    );
});
