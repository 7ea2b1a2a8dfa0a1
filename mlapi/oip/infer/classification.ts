import { yieldToEventLoop } from '../../http/event-loop.ts';
import type { ResponseMemory } from '../../http/response-memory.ts';
import { invalidInference } from '../../inference/problems.ts';
import { datatypes } from '../../inference/tensors/datatypes.ts';
import { fromHalf } from '../../inference/tensors/float16.ts';
import { responseTooLarge } from '../../inference/tensors/output-size.ts';
import type { NamedOutput } from '../../inference/tensors/types.ts';

/** Elements examined per turn of the event loop. */
const elementsPerTurn = 8_192;
const maxClasses = 1_000;
/** Most bytes of an output's texts. */
const maxTextBytes = 67_108_864;
/** Bytes of a text besides its label: number, column, and the overhead of a string. */
const bytesPerText = 96;

interface Classification {
  /** Number of classes per row. */
  readonly count: number;
  readonly labels?: readonly (string | number)[] | undefined;
  readonly memory: ResponseMemory;
  /** Bytes that the response holds already. */
  readonly heldBytes: number;
}

/**
 * Returns the highest classes of each row as text `value:index:label`, highest first; of equal values, the lowest index first. The label is
 * left out unless there is one per column. Floats have six decimals, as the classification extension says.
 * @throws {Problem} 400 `invalid_inference` for a text output or more than 1,000 classes per row; 422 `answer_too_large` and 503 before any
 * work if the texts would take too much memory
 */
export async function classify(
  output: NamedOutput,
  { count, labels = [], memory, heldBytes }: Classification,
): Promise<NamedOutput> {
  const { name, datatype, data, shape } = output;
  const kind = datatypes.get(datatype)?.kind;
  if (kind === 'text') throw invalidInference('outputs', `"${name}" is ${datatype}, which has no scores`);
  const values = data as ArrayLike<number | bigint>;
  const at = kind === 'half' ? (index: number) => fromHalf(Number(values[index])) : (index: number) => values[index]!;
  const rows = shape[0] ?? 1;
  const columns = rows === 0 ? 0 : values.length / rows;
  const shown = Math.min(count, columns);
  if (shown > maxClasses) throw invalidInference('outputs', `at most ${maxClasses} classes per row are supported`);
  const isLabelled = labels.length === columns;
  const textBytes = bytesPerText + (isLabelled ? longest(labels) : 0);
  const bytes = rows * shown * textBytes;
  if (bytes > maxTextBytes)
    throw responseTooLarge(
      `"${name}" has ${rows} rows; classes can be returned for at most ${Math.floor(maxTextBytes / (shown * textBytes))}; send fewer rows, or request the output without classification`,
    );
  memory.reserve(heldBytes + bytes);
  const texts: string[] = [];
  let inTurn = 0;
  for (let row = 0; row < rows; row += 1) {
    const best = new Highest(shown);
    for (let column = 0; column < columns; column += 1) {
      best.take(at(row * columns + column), column);
      inTurn += 1;
      if (inTurn % elementsPerTurn === 0) await yieldToEventLoop();
    }
    for (const { value, column } of best.list) {
      const text = kind === 'float' || kind === 'half' ? (value as number).toFixed(6) : String(value);
      texts.push(`${text}:${column}${isLabelled ? `:${labels[column]}` : ''}`);
    }
  }
  return { name, datatype: 'BYTES', data: texts, shape: [rows, shown] };
}

/** Memory of the longest label, in bytes. */
function longest(labels: readonly (string | number)[]): number {
  let most = 0;
  for (const label of labels) most = Math.max(most, 2 * String(label).length);
  return most;
}

interface Scored {
  readonly value: number | bigint;
  readonly column: number;
}

/** Keeps the highest values in descending order; NaN comes last. */
class Highest {
  readonly list: Scored[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  take(value: number | bigint, column: number): void {
    const { list } = this;
    const last = list.at(-1);
    const isFull = list.length === this.#most;
    if (isFull && (last === undefined || !isHigher(value, last.value))) return;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isHigher(value, list[middle]!.value)) high = middle;
      else low = middle + 1;
    }
    list.splice(low, 0, { value, column });
    if (isFull) list.pop();
  }
}

function isHigher(one: number | bigint, other: number | bigint): boolean {
  return one > other || (Number.isNaN(other) && !Number.isNaN(one));
}
