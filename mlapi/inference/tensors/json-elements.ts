import { fromHalf } from './float16.ts';
import type { TensorData } from './types.ts';

/** Returns elements of a tensor as comma-separated JSON; integers keep all their digits. */
export function writeElements(data: TensorData, datatype: string, from = 0, to = data.length): string {
  if (!ArrayBuffer.isView(data)) return JSON.stringify(data.slice(from, to)).slice(1, -1);
  const part = data.subarray(from, to);
  if (datatype === 'BOOL') return Array.from(part as Uint8Array, Boolean).join(',');
  if (datatype === 'FP16') return Array.from(part as Uint16Array, fromHalf).join(',');
  return part.join(',');
}
