import type { Answer } from '../http/endpoint.ts';
import type { PredictionAnswer } from './answerer.ts';

export const csvMediaType = 'text/csv';

const lineBreak = '\r\n';
const chunkCharacters = 16_384;
/** What a cell takes until it is written, with its place in a list. */
const bytesPerCell = 24;

/**
 * A prediction as CSV (RFC 4180): a header, then one line for each row, in their order. Columns: `prediction`, or `prediction_0`,
 * `prediction_1` ... where it is a list; then the scores: `score` where a row has one, otherwise `score_` with the class.
 */
export function csvAnswer({ predictions, classes, scores }: PredictionAnswer): Answer {
  const names = [...predictionNames(predictions[0]), ...scoreNames(classes, scores?.[0])];
  const lines = function* () {
    let chunk = toLine(names);
    for (const [row, prediction] of predictions.entries()) {
      if (chunk.length >= chunkCharacters) {
        yield chunk;
        chunk = '';
      }
      chunk += toLine([...cellsOf(prediction), ...(scores?.[row] ?? [])]);
    }
    yield chunk;
  };
  return {
    headers: { 'content-type': `${csvMediaType}; charset=utf-8; header=present` },
    chunks: lines(),
    heldBytes: predictions.length * names.length * bytesPerCell,
  };
}

type Prediction = PredictionAnswer['predictions'][number];
type Cell = string | number;

function cellsOf(prediction: Prediction): readonly Cell[] {
  return typeof prediction === 'object' ? prediction : [prediction];
}

function predictionNames(prediction: Prediction | undefined): string[] {
  if (typeof prediction !== 'object') return ['prediction'];
  return prediction.map((_, at) => `prediction_${at}`);
}

function scoreNames(classes: PredictionAnswer['classes'] = [], scores: readonly number[] = []): string[] {
  if (scores.length === 1) return ['score'];
  const names = classes.map((name) => `score_${name}`);
  // The classes "1" and 1 are two.
  const areTheirs = names.length === scores.length && new Set(names).size === names.length;
  return areTheirs ? names : scores.map((_, at) => `score_${at}`);
}

/** A line of CSV, with its line break. */
export function toLine(cells: readonly Cell[]): string {
  return cells.map(toCell).join(',') + lineBreak;
}

const jsonNumber = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A spreadsheet must take no text for a formula (ASVS 1.2.10); what spells a number is none. */
function toCell(cell: Cell): string {
  if (typeof cell === 'number') return String(cell);
  const text = /^[=+\-@\t\r\n\0]/.test(cell) && !jsonNumber.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
