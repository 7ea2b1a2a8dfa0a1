import { Problem } from '../../http/problem.ts';
import { invalidModelOutput } from '../problems.ts';
import type { OutputTensor, RunOutput } from './types.ts';

/** Most that the outputs of one request may take: they go from process to process, and wait for whoever reads them. */
export const maxOutputBytes = 67_108_864;
/** Counted for each text besides its characters: texts are made, sent and read one by one, so that many short ones cost more than their bytes. */
export const textBytes = 128;

/** @returns bytes; for texts an estimate, which stops once it is above the bound */
export function sizeOf(data: OutputTensor['data']): number {
  if (ArrayBuffer.isView(data)) return data.byteLength;
  let bytes = 0;
  for (let at = 0; at < data.length && bytes <= maxOutputBytes; at += 1)
    bytes += textBytes + (data[at] as string).length;
  return bytes;
}

export function sizeOfAll(outputs: readonly Pick<OutputTensor, 'data'>[]): number {
  let bytes = 0;
  for (const { data } of outputs) bytes += sizeOf(data);
  return bytes;
}

/** All that a run answered, in bytes. */
export function sizeOfRun({ data, secondaryOutputs: others = [] }: RunOutput): number {
  return sizeOf(data) + sizeOfAll(others);
}

/** @throws {Problem} 422 `invalid_model_output` */
export function refuseLarge(bytes: number): void {
  if (bytes > maxOutputBytes) throw tooLarge();
}

export function tooLarge(): Problem {
  return invalidModelOutput(`its outputs are larger than ${maxOutputBytes} bytes; fewer rows may have smaller ones`);
}

/** 422: what the model computed would take too much as the answer that was asked for. @param what what to do instead */
export function responseTooLarge(what: string): Problem {
  return new Problem(422, 'answer_too_large', `The answer would be too large: ${what}.`);
}
