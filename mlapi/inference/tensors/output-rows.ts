import { invalidModelOutput } from '../problems.ts';
import type { OutputTensor, RunOutput } from './types.ts';

type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array;
/** Output of some rows of a request. */
export interface OutputPart {
  readonly from: number;
  readonly rows: number;
  readonly output: RunOutput;
}

type Data = OutputTensor['data'];

/** Whether the output has shape [rows, ...rowShape]. */
export function hasRowShape({ shape }: OutputTensor, rows: number, rowShape: readonly number[]): boolean {
  if (shape.length !== rowShape.length + 1 || shape[0] !== rows) return false;
  for (let at = 0; at < rowShape.length; at += 1) if (shape[at + 1] !== rowShape[at]) return false;
  return true;
}

/** Returns some rows of a run's output. @param withOthers whether to include the secondary outputs */
export function sliceRun(
  output: RunOutput,
  { from, rows }: { from: number; rows: number },
  withOthers: boolean,
): RunOutput {
  const own = sliceRows(output, from, rows);
  return withOthers
    ? { ...own, secondaryOutputs: output.secondaryOutputs!.map((other) => sliceRows(other, from, rows)) }
    : own;
}

/** Returns rows of an output whose first axis is the rows; numbers are not copied. */
export function sliceRows({ data, shape }: OutputTensor, from: number, rows: number): OutputTensor {
  const entry = data.length / shape[0]!;
  const [begin, end] = [from * entry, (from + rows) * entry];
  const part = ArrayBuffer.isView(data)
    ? (data as unknown as TypedArray).subarray(begin, end)
    : (data as readonly string[]).slice(begin, end);
  return { data: part, shape: [rows, ...shape.slice(1)] };
}

/**
 * Joins the outputs of consecutive rows. The output of a single row may lack the leading axis of size 1.
 * @throws {Problem} 422 `invalid_model_output`
 */
export function joinRows(parts: readonly OutputPart[]): RunOutput {
  const ordered = [...parts].sort((a, b) => a.from - b.from);
  const joined = joinOutput(ordered);
  const others = ordered[0]!.output.secondaryOutputs?.map((_, index) =>
    joinOutput(ordered.map(({ from, rows, output }) => ({ from, rows, output: output.secondaryOutputs![index]! }))),
  );
  return others === undefined ? joined : { ...joined, secondaryOutputs: others };
}

function joinOutput(ordered: readonly OutputPart[]): OutputTensor {
  const entries = ordered.map(({ rows, output: { shape } }) => {
    if (shape[0] === rows) return shape.slice(1);
    if (rows === 1) return shape;
    throw invalidModelOutput('the output shape differs between rows');
  });
  const [entry] = entries;
  if (entries.some((other) => String(other) !== String(entry)))
    throw invalidModelOutput('the output shape differs between rows');
  const { from, rows } = ordered.at(-1)!;
  return { data: joinData(ordered.map(({ output }) => output.data)), shape: [from + rows, ...entry!] };
}

function joinData(parts: readonly Data[]): Data {
  const [first] = parts;
  if (!ArrayBuffer.isView(first)) return parts.flatMap((part) => Array.from(part));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = new (first.constructor as new (length: number) => TypedArray)(length);
  let at = 0;
  for (const part of parts) {
    (joined as Float64Array).set(part as ArrayLike<number>, at);
    at += part.length;
  }
  return joined;
}
