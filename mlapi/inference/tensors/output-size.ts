import { Problem } from '../../http/problem.ts';
import { invalidModelOutput } from '../problems.ts';
import type { OutputTensor, RunOutput } from './types.ts';

/** Most bytes of all outputs of one request: they are passed between processes and held until the client has read them. */
export const maxOutputBytes = 67_108_864;
/** Overhead counted per string besides its characters, in bytes: strings are created and sent one by one. */
export const textBytes = 128;

/** @returns bytes; for strings an estimate that stops once it exceeds `maxOutputBytes` */
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

/** Bytes of all outputs of a run. */
export function sizeOfRun({ data, secondaryOutputs: others = [] }: RunOutput): number {
  return sizeOf(data) + sizeOfAll(others);
}

/** @throws {Problem} 422 `invalid_model_output` above `maxOutputBytes` */
export function refuseLarge(bytes: number): void {
  if (bytes > maxOutputBytes) throw tooLarge();
}

export function tooLarge(): Problem {
  return invalidModelOutput(`the outputs exceed ${maxOutputBytes} bytes; send fewer rows`);
}

/** 422: the response would be too large. @param what what to do instead */
export function responseTooLarge(what: string): Problem {
  return new Problem(422, 'answer_too_large', `The response would be too large: ${what}.`);
}
