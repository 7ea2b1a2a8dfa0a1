import type { EndpointResponse } from '../../http/endpoint.ts';
import type { PredictionResponse } from './prediction-response.ts';

/** Items that are written in less than a millisecond. */
const fewItems = 8_192;
const chunkCharacters = 65_536;

type Item = string | number | readonly number[];

/** Formats a prediction as JSON: a short one at once, a long one in chunks while the client reads it. */
export function jsonResponse(answer: PredictionResponse, headers: Readonly<Record<string, string>>): EndpointResponse {
  const { predictions, classes = [], scores = [] } = answer;
  if (itemsIn(predictions) + classes.length + itemsIn(scores) <= fewItems) return { body: answer, headers };
  return { headers: { ...headers, 'content-type': 'application/json' }, chunks: piecesOf(answer) };
}

/** All rows have equally many items. */
function itemsIn(rows: readonly Item[]): number {
  return rows.length * (typeof rows[0] === 'object' ? rows[0].length : 1);
}

function* piecesOf({ predictions, classes, scores, ...identity }: PredictionResponse): Generator<string> {
  yield `${JSON.stringify(identity).slice(0, -1)},"predictions":`;
  yield* writeList(predictions);
  if (classes !== undefined) {
    yield ',"classes":';
    yield* writeList(classes);
  }
  if (scores !== undefined) {
    yield ',"scores":';
    yield* writeList(scores);
  }
  yield '}';
}

function* writeList(items: readonly Item[]): Generator<string> {
  let piece = '[';
  let comma = '';
  for (const item of items) {
    piece += comma;
    comma = ',';
    if (typeof item === 'object' && item.length > fewItems) {
      yield piece;
      yield* writeList(item);
      piece = '';
    } else piece += JSON.stringify(item);
    if (piece.length < chunkCharacters) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]`;
}
