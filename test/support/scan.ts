import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { OnnxScan, type OnnxSummary } from '../../mlapi/models/scan/onnx-scan.ts';
import { Problem } from '../../mlapi/http/problem.ts';
import { scanLimits, type ScanLimits } from '../../mlapi/models/scan/scan-limits.ts';
import { scanCodes } from '../../mlapi/models/scan/scan-refusals.ts';
import { constantModel, constantOf, identityModel, switchModel } from './onnx-builder.ts';

/** Scans a whole file in chunks of these sizes; by default in one. */
export function scan(file: Buffer, limits?: Partial<ScanLimits>, sizes: () => number = () => file.length): OnnxSummary {
  const onnxScan = new OnnxScan({ limits: { ...scanLimits, ...limits } });
  for (let at = 0; at < file.length;) {
    const end = at + sizes();
    onnxScan.write(file.subarray(at, end));
    at = end;
  }
  return onnxScan.end();
}

/** The error code, or `accepted`; rethrows unexpected errors. */
export function verdictOf(file: Buffer, limits?: Partial<ScanLimits>, sizes?: () => number): string {
  return explain(file, limits, sizes).code;
}

/** The code and the text of the error. */
export function explain(
  file: Buffer,
  limits?: Partial<ScanLimits>,
  sizes?: () => number,
): { code: string; text: string } {
  try {
    scan(file, limits, sizes);
    return { code: 'accepted', text: '' };
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error;
    return { code: error.code, text: error.message };
  }
}

/** The expected code and the defect; the file; the expected text. */
export type Refusal = readonly [title: string, file: Buffer, text?: RegExp];

/** Expects the code at the start of the title, and the same error however the file is split. */
export function expectRefusal(...[title, file, text]: Refusal): void {
  const [code = ''] = title.split(':');
  expect(scanCodes).toContain(code);
  const whole = explain(file);
  expect(whole.code).toBe(code);
  if (text instanceof RegExp) expect(whole.text).toMatch(text);
  for (const size of file.length < 10_000 ? [1, 7] : [65_536]) expect(explain(file, {}, () => size)).toEqual(whole);
}

/** All honest models in the project, by name. */
export function honestModels(): [name: string, file: Buffer][] {
  const folders = ['resources/models', 'test/fixtures'];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      // A model with external data is not complete without it.
      .filter((name) => name.endsWith('.onnx') && !existsSync(join(folder, `${name}.data`)))
      .map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]),
  );
  const scores = constantOf([[0.6, 0.4]]);
  return [
    ...files,
    ['identity', identityModel(41)],
    ['identity of int64', identityModel(3, 'int64', 1)],
    ['constant', constantModel(scores)],
    ['constant of strings', constantModel(constantOf(['a', 'b'], 'string'))],
    ['switch', switchModel([scores, constantOf([[0.1, 0.9]])])],
  ];
}
