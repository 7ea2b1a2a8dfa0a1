import type { EndpointResponse } from '../../http/endpoint.ts';
import type { PredictionResponse } from '../postprocessing/prediction-response.ts';

export const csvMediaType = 'text/csv';

const lineBreak = '\r\n';
const chunkCharacters = 16_384;

/**
 * Formats a prediction as CSV (RFC 4180): a header, then one line per row in order. Columns: `prediction`, or `prediction_0`,
 * `prediction_1`, ... for lists; then `score` if a row has one score, otherwise `score_` and the class.
 */
export function csvResponse(answer: PredictionResponse): EndpointResponse {
  return {
    headers: { 'content-type': `${csvMediaType}; charset=utf-8; header=present` },
    chunks: chunksOf(cellsAndEnds(answer)),
  };
}

/** Joins cells and separators into chunks: a single line may have a million cells. */
function* chunksOf(texts: Iterable<string>): Generator<string> {
  let chunk = '';
  for (const text of texts) {
    chunk += text;
    if (chunk.length < chunkCharacters) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

function* cellsAndEnds({ predictions, classes, scores }: PredictionResponse): Generator<string> {
  yield* lineOf(predictionNames(predictions[0]), scoreNames(classes, scores?.[0]));
  for (const [row, prediction] of predictions.entries())
    yield* lineOf(typeof prediction === 'object' ? prediction : [prediction], scores?.[row] ?? []);
}

function* lineOf(first: Iterable<Cell>, then: Iterable<Cell>): Generator<string> {
  let comma = '';
  for (const cells of [first, then]) {
    for (const cell of cells) {
      yield comma + toCell(cell);
      comma = ',';
    }
  }
  yield lineBreak;
}

type Prediction = PredictionResponse['predictions'][number];
type Cell = string | number;

function predictionNames(prediction: Prediction | undefined): Iterable<string> {
  return typeof prediction === 'object' ? numbered('prediction_', prediction.length) : ['prediction'];
}

function scoreNames(classes: PredictionResponse['classes'] = [], scores: readonly number[] = []): Iterable<string> {
  if (scores.length === 1) return ['score'];
  const areTheirs = classes.length === scores.length;
  const names = areTheirs ? classes.map((name) => `score_${name}`) : [];
  // The classes "1" and 1 would get the same column name.
  return areTheirs && new Set(names).size === names.length ? names : numbered('score_', scores.length);
}

function* numbered(name: string, count: number): Generator<string> {
  for (let at = 0; at < count; at += 1) yield name + String(at);
}

/** Returns a line of CSV with its line break. */
export function toLine(cells: readonly Cell[]): string {
  return cells.map(toCell).join(',') + lineBreak;
}

const jsonNumber = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Escapes text that a spreadsheet would take for a formula (ASVS 1.2.10), unless it is a number. */
function toCell(cell: Cell): string {
  if (typeof cell === 'number') return String(cell);
  const text = /^[=+\-@\t\r\n\0]/.test(cell) && !jsonNumber.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
