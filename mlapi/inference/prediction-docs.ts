import type { EndpointDocs } from '../http/endpoint.ts';
import { csvAnswer, toLine } from './csv-answer.ts';
import type { Predictor } from './predictor.ts';
import { predictionSchema, rowsSchema } from './row-schema.ts';
import type { Contract } from './types.ts';

/** What a prediction takes and answers, by the contract of the model that is shown. */
export function predictionDocs({ contract, sampleAnswer }: Predictor): Omit<EndpointDocs, 'summary'> {
  const { output } = contract;
  const lines = sampleAnswer === undefined ? [] : [...(csvAnswer(sampleAnswer).chunks ?? [])];
  return {
    tag: 'models',
    statuses: {
      404: 'No such model',
      409: 'The model takes tensors, and no rows',
      422: 'The model gave no usable answer',
      503: 'The model has too much to do, or cannot compute at the moment',
      504: 'The prediction took too long',
    },
    answer: {
      schema: predictionSchema(output),
      example: sampleAnswer,
      csv: { description: 'For `Accept: text/csv`: one line per row, behind a header', example: lines.join('') },
    },
    body: contract.features.length === 0 ? noRows : bodyDocs(contract),
  };
}

/** Whatever is sent, the answer is 409. */
const noRows = { schema: {}, examples: {} };

function bodyDocs(contract: Contract): NonNullable<EndpointDocs['body']> {
  const { features, sample } = contract;
  return {
    schema: rowsSchema(contract),
    examples: {
      'one named row': sample,
      'rows in feature order': [features.map((feature) => sample[feature.name] ?? null)],
    },
    csv: {
      description:
        'A header with the names of the features, in any order, then one line per row; an empty cell is missing',
      example: csvRows(contract),
    },
  };
}

/** The sample, with all its columns. A code in a category is written as its category: in CSV, numbers there are text. */
function csvRows({ features, sample }: Contract): string {
  const cells = features.map((feature) => {
    const cell = sample[feature.name] ?? '';
    const coded =
      feature.type === 'category' ? feature.categories.find(({ encoding }) => encoding === cell) : undefined;
    return coded?.category ?? String(cell);
  });
  return toLine(features.map(({ name }) => name)) + toLine(cells);
}
