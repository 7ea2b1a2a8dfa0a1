import type { Prediction } from '../../inference/contract/types.ts';
import type { Serving } from '../../inference/model-source.ts';
import { invalidInference, tooManyRows } from '../../inference/problems.ts';
import type { PredictOptions } from '../../inference/serving/predictor.ts';
import { fromHalf } from '../../inference/tensors/float16.ts';
import type { InputTensor, NamedOutput } from '../../inference/tensors/types.ts';
import type { InferRequest } from './infer-request.ts';

/** Outputs for rows: predictions (labels, class numbers or values), and scores if requested. */
const rowOutputs = ['predictions', 'scores'];

/**
 * Predicts rows through the contract. Each input is a column named like its feature; categories are BYTES.
 * @throws {Problem} 400 if the inputs are not rows of the contract; 413, 422, 503 or 504
 */
export async function predictRows(
  serving: Serving,
  {
    inputs,
    outputs = [{ name: 'predictions' }],
  }: Pick<InferRequest, 'inputs'> & { outputs?: readonly { name: string }[] | undefined },
  caller: Pick<PredictOptions, 'client' | 'memory'>,
): Promise<NamedOutput[]> {
  if (outputs.some(({ name }) => !rowOutputs.includes(name)))
    throw invalidInference('outputs', `rows have the outputs ${rowOutputs.join(' and ')} only`);
  const scores = outputs.some(({ name }) => name === 'scores');
  const answer = await serving.predict(toRows(inputs, serving.maxRows), { scores, ...caller });
  const tensors = new Map([
    ['predictions', predictionTensor(answer.predictions, serving)],
    ['scores', tableTensor('scores', answer.scores ?? [])],
  ]);
  return outputs.map(({ name }) => tensors.get(name)!);
}

function toRows(inputs: readonly InputTensor[], maxRows: number): Record<string, unknown>[] {
  const [rows = 0] = inputs[0]?.shape ?? [];
  if (rows > maxRows) throw tooManyRows(maxRows, rows);
  const columns = inputs.map((input, index): [string, (row: number) => unknown] => {
    const [length, width = 1, ...more] = input.shape;
    if (length !== rows || width !== 1 || more.length > 0)
      throw invalidInference(`inputs[${index}].shape`, 'every column must have the same shape [rows]');
    return [input.name, cellsOf(input, `inputs[${index}]`)];
  });
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(columns.map(([name, cell]) => [name, cell(row)])));
}

function cellsOf({ datatype, data }: InputTensor, where: string): (row: number) => unknown {
  if (datatype === 'BOOL') return (row) => data[row] === 1;
  if (datatype === 'FP16') return (row) => fromHalf(data[row] as number);
  return (row) => {
    const cell = data[row];
    if (typeof cell !== 'bigint') return cell;
    const number = Number(cell);
    if (!Number.isSafeInteger(number)) throw invalidInference(`${where}, element ${row}`, 'the integer exceeds 2^53');
    return number;
  };
}

function predictionTensor(predictions: readonly Prediction[], { contract }: Pick<Serving, 'contract'>): NamedOutput {
  const name = 'predictions';
  const { kind, labels = [] } = contract.output;
  const isText = [predictions[0], ...labels].some((each) => typeof each === 'string');
  if (isText) return { name, datatype: 'BYTES', data: predictions.map(String), shape: [predictions.length] };
  if (typeof predictions[0] === 'object') return tableTensor(name, predictions as readonly (readonly number[])[]);
  const numbers = predictions as readonly number[];
  const isWhole = kind !== 'values' && numbers.every(Number.isSafeInteger);
  return isWhole
    ? { name, datatype: 'INT64', data: BigInt64Array.from(numbers, BigInt), shape: [numbers.length] }
    : { name, datatype: 'FP64', data: Float64Array.from(numbers), shape: [numbers.length] };
}

function tableTensor(name: string, rows: readonly (readonly number[])[]): NamedOutput {
  return { name, datatype: 'FP64', data: Float64Array.from(rows.flat()), shape: [rows.length, rows[0]?.length ?? 0] };
}
