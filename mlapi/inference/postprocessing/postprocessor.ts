import { Problem } from '../../http/problem.ts';
import type { OutputContract, Prediction } from '../contract/types.ts';
import { invalidModelOutput } from '../problems.ts';
import type { OutputTensor } from '../tensors/types.ts';

/** The output as rows × columns. */
interface Table {
  readonly values: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Turns the model's output into one prediction per row, in order, or rejects it. The contract's settings are followed; what it leaves open
 * is decided as in the ported system (`test/vectors/`).
 * @example
 * const postprocessor = new Postprocessor({ kind: 'class_scores', labels: ['stay', 'leave'] });
 * postprocessor.predictions({ data: Float32Array.from([0.9, 0.1, 0.2, 0.8]), shape: [2, 2] }, 2); // ['stay', 'leave']
 */
export class Postprocessor {
  readonly #output: OutputContract;
  readonly #labels: readonly (string | number)[] | undefined;
  /** The labels as a set, for models whose output is labels: there may be many labels and rows. */
  readonly #known: ReadonlySet<string | number> | undefined;

  constructor(output: OutputContract) {
    this.#output = output;
    this.#labels = output.labels;
    this.#known = output.labels && new Set(output.labels);
  }

  /**
   * Returns one prediction per row.
   * @param output tensor of shape [rows] or [rows, columns]; [columns] is accepted for a single row of class scores
   * @throws {Problem} 422 `invalid_model_output`
   */
  predictions(output: OutputTensor, rows: number): Prediction[] {
    if (typeof output.data[0] === 'string') return this.#named(output, rows);
    const { kind } = this.#output;
    const table = readTable(output, rows, kind === 'class_scores');
    if (kind === 'values')
      return table.columns === 1 ? everyRow(table, (offset) => table.values[offset]!) : rowsOf(table);
    return this.#classNumbers(table).map((number) => this.#label(number));
  }

  /**
   * Returns the scores of each row, shape [rows][columns], and the classes of the columns: the contract's labels or class numbers.
   * @throws {Problem} 422 `invalid_model_output`, 400 `no_scores`
   */
  scores(output: OutputTensor, rows: number): { classes: readonly (string | number)[]; scores: number[][] } {
    if (typeof output.data[0] === 'string')
      throw new Problem(400, 'no_scores', 'This model returns labels without scores.');
    const isClassScores = this.#output.kind === 'class_scores';
    const table = readTable(output, rows, isClassScores);
    const numbers =
      isClassScores && table.columns > 1 ? Array.from({ length: table.columns }, (_, column) => column) : [];
    return { classes: this.#labels ?? numbers, scores: rowsOf(table) };
  }

  /** Labels that the model itself returns. */
  #named({ data, shape }: OutputTensor, rows: number): string[] {
    if (this.#output.kind !== 'class_scores' || shape[0] !== rows || data.length !== rows)
      throw invalidModelOutput('the number of labels does not match the number of rows');
    const labels = Array.from(data, String);
    const known = this.#known;
    if (known !== undefined && labels.some((label) => !known.has(label)))
      throw invalidModelOutput('a label is not in the contract');
    return labels;
  }

  #classNumbers(table: Table): number[] {
    if (this.#output.kind === 'anomaly_scores') {
      const threshold = this.#output.threshold ?? 0;
      return everyRow(table, (offset) => (table.values[offset]! < threshold ? 1 : 0));
    }
    const scores = this.#output.scores ?? guessScores(table);
    if (scores === 'per-class') {
      if (table.columns < 2) throw invalidModelOutput('the output has one column, but the contract says one per class');
      if (this.#labels !== undefined && this.#labels.length !== table.columns)
        throw invalidModelOutput(
          `the output has ${table.columns} columns, but the contract has ${this.#labels.length} labels`,
        );
      return everyRow(table, (offset) => firstMaximum(table.values, offset, table.columns));
    }
    if (table.columns !== 1) throw invalidModelOutput('the output has several columns, but the contract says one');
    return everyRow(table, (offset) => {
      const value = table.values[offset]!;
      // Adding 0 turns -0 into 0.
      return scores === 'positive-class' ? Number(value > 0.5) : Math.trunc(value) + 0;
    });
  }

  #label(classNumber: number): string | number {
    if (this.#labels === undefined) return classNumber;
    const label = this.#labels[classNumber];
    if (label === undefined) throw invalidModelOutput(`the class number ${classNumber} has no label`);
    return label;
  }
}

/** Several columns: one score per class. One column: probabilities if any value lies strictly between 0 and 1, otherwise class numbers. */
function guessScores({ values, rows, columns }: Table): NonNullable<OutputContract['scores']> {
  if (columns > 1) return 'per-class';
  for (let row = 0; row < rows; row += 1) if (values[row]! > 0 && values[row]! < 1) return 'positive-class';
  return 'class-number';
}

/** @param takesOneRow whether a vector for a single row may hold that row's scores */
function readTable({ data, shape }: OutputTensor, rows: number, takesOneRow: boolean): Table {
  const values = toFiniteNumbers(data);
  if (values.length === 0) throw invalidModelOutput('the output is empty');
  if (shape.length === 0 && rows === 1) return { values, rows, columns: 1 };
  if (shape.length === 1 && shape[0] === rows) return { values, rows, columns: 1 };
  if (shape.length === 1 && rows === 1 && takesOneRow) return { values, rows, columns: values.length };
  if (shape.length === 2 && shape[0] === rows) return { values, rows, columns: values.length / rows };
  throw invalidModelOutput(`the output shape [${shape.join(', ')}] does not match ${rows} row(s)`);
}

function toFiniteNumbers(data: OutputTensor['data']): ArrayLike<number> {
  const values =
    typeof data[0] === 'bigint' ? Float64Array.from(data as ArrayLike<bigint>, Number) : (data as ArrayLike<number>);
  for (let at = 0; at < values.length; at += 1)
    if (!Number.isFinite(values[at]))
      throw invalidModelOutput('the output contains a score that is not a finite number');
  return values;
}

function everyRow({ rows, columns }: Table, classify: (offset: number) => number): number[] {
  const classes = new Array<number>(rows);
  for (let row = 0; row < rows; row += 1) classes[row] = classify(row * columns);
  return classes;
}

function rowsOf({ values, rows, columns }: Table): number[][] {
  const lists = new Array<number[]>(rows);
  for (let row = 0, at = 0; row < rows; row += 1) {
    const list = new Array<number>(columns);
    for (let column = 0; column < columns; column += 1, at += 1) list[column] = values[at]!;
    lists[row] = list;
  }
  return lists;
}

function firstMaximum(values: ArrayLike<number>, offset: number, columns: number): number {
  let best = 0;
  for (let column = 1; column < columns; column += 1)
    if (values[offset + column]! > values[offset + best]!) best = column;
  return best;
}
