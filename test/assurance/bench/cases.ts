import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readContract } from '../../../mlapi/inference/contract/contract.ts';
import { projectRoot } from '../../support/compiled.ts';
import type { LoadRequest } from './load/types.ts';

export const modelFolder = join(projectRoot, 'resources/models/nsl-kdd-classifier');
const contract = readContract(modelFolder, { inputType: 'float32', width: undefined });
const rows = JSON.parse(readFileSync(join(projectRoot, 'files/requests/three-rows.json'), 'utf8')) as unknown[][];
/** The labels of those rows, as in the README. */
const labels = ['dos', 'normal', 'probe'];

/** The same rows as the model's input: categories as their codes. */
const encodedRows = rows.map((row) =>
  row.map((cell, index) => {
    const feature = contract.features[index]!;
    if (feature.type !== 'category') return Number(cell);
    return feature.categories.find(({ category }) => category.toLowerCase() === String(cell).toLowerCase())!.encoding;
  }),
);

/** The body of a request, and the expected predictions. */
export interface Question {
  readonly body: string;
  readonly predictions: readonly (string | number)[];
}

/** Rows for this service, with its labels. Each offset starts with another row. */
export function rawQuestion(count: number, offset: number): Question {
  return question(rows, labels, count, offset);
}

/** Encoded rows and class numbers, for servers without encoding and labels. */
export function encodedQuestion(count: number, offset: number): Question {
  const classes = labels.map((label) => contract.output.labels!.indexOf(label));
  return question(encodedRows, classes, count, offset);
}

function question(
  all: readonly (readonly unknown[])[],
  answers: readonly (string | number)[],
  count: number,
  offset: number,
): Question {
  const chosen = Array.from({ length: count }, (_, index) => (index + offset) % all.length);
  return { body: JSON.stringify(chosen.map((row) => all[row])), predictions: chosen.map((row) => answers[row]!) };
}

export function post(path: string, { body, predictions }: Question, token?: string): LoadRequest {
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${authorization}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return { text: head + body, predictions };
}
