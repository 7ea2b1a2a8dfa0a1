import { datatypes } from '../inference/datatypes.ts';
import { fromHalf } from '../inference/half.ts';
import { invalidInference } from '../inference/refusals.ts';
import type { NamedOutput } from '../inference/tensors.ts';

/**
 * The highest classes of each row as text, `value:index:label`, the highest first; of equal ones, the first. Without labels for the
 * columns of the output there are none. As the extension has it, floats have six decimals.
 * @throws {Problem} 400 for an output that is no numbers
 */
export function classify(output: NamedOutput, count: number, labels: readonly (string | number)[] = []): NamedOutput {
  const { name, datatype, data, shape } = output;
  const kind = datatypes.get(datatype)?.kind;
  if (kind === 'text') throw invalidInference('outputs', `"${name}" is ${datatype}, whose elements are no scores`);
  const values = kind === 'half' ? Array.from(data as Uint16Array, fromHalf) : (data as ArrayLike<number | bigint>);
  const rows = shape[0] ?? 1;
  const columns = rows === 0 ? 0 : values.length / rows;
  const shown = Math.min(count, columns);
  const isLabelled = labels.length === columns;
  const texts: string[] = [];
  for (let row = 0; row < rows; row += 1) {
    const at = (column: number) => values[row * columns + column]!;
    const order = Array.from({ length: columns }, (_, column) => column).sort((a, b) => compare(at(b), at(a)));
    for (const column of order.slice(0, shown)) {
      const value = at(column);
      const text = kind === 'float' || kind === 'half' ? (value as number).toFixed(6) : String(value);
      texts.push(`${text}:${column}${isLabelled ? `:${labels[column]}` : ''}`);
    }
  }
  return { name, datatype: 'BYTES', data: texts, shape: [rows, shown] };
}

function compare(a: number | bigint, b: number | bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
