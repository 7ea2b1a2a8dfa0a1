import type { EndpointDocs } from '../http/endpoint.ts';
import { anyPredictionSchema, anyRowsSchema, predictionSchema, rowsSchema } from './contract/json-schema.ts';
import type { Contract } from './contract/types.ts';
import { csvResponse, toLine } from './postprocessing/csv-response.ts';
import type { Predictor } from './serving/predictor.ts';
import type { InputType } from './tensors/types.ts';

type PredictionDocs = Omit<EndpointDocs, 'operationId' | 'summary'>;

interface Schemas {
  readonly rows: object;
  readonly prediction: object;
}

const inputTypes: Readonly<Record<string, InputType>> = {
  FP32: 'float32',
  FP64: 'float64',
  INT32: 'int32',
  INT64: 'int64',
};

/** Documents request and response of a prediction for any model, with the sample of `shown` as the example. */
export function predictionDocs(shown: Predictor): PredictionDocs {
  return docsOf(shown, { rows: anyRowsSchema, prediction: anyPredictionSchema });
}

/** Documents predictions of the default model, whose contract is known. */
export function defaultPredictionDocs(shown: Predictor): PredictionDocs {
  const { contract } = shown;
  const { datatype = '' } = shown.information().inputs[0] ?? {};
  const type = inputTypes[datatype];
  if (contract.features.length === 0 || type === undefined) return predictionDocs(shown);
  return docsOf(shown, { rows: rowsSchema(contract, type), prediction: predictionSchema(contract.output) });
}

function docsOf({ contract, sampleResponse }: Predictor, schemas: Schemas): PredictionDocs {
  const lines = sampleResponse === undefined ? [] : [...(csvResponse(sampleResponse).chunks ?? [])];
  return {
    tag: 'models',
    statuses: {
      404: 'No such model',
      409: 'The model takes tensors, not rows',
      422: 'The model returned no usable output',
      503: 'The model is overloaded or unavailable',
      504: 'The prediction took too long',
    },
    answer: {
      schema: schemas.prediction,
      example: sampleResponse,
      csv: { description: 'For `Accept: text/csv`: a header, then one line per row', example: lines.join('') },
    },
    body: bodyDocs(contract, schemas.rows),
  };
}

function bodyDocs(contract: Contract, schema: object): NonNullable<EndpointDocs['body']> {
  const { features, sample } = contract;
  // A model without features takes tensors, so there is no example row.
  if (features.length === 0) return { schema, examples: {} };
  return {
    schema,
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

/**
 * The sample as CSV with all columns. An encoded category is written as its category, because numbers in category columns are text in CSV.
 */
function csvRows({ features, sample }: Contract): string {
  const cells = features.map((feature) => {
    const cell = sample[feature.name] ?? '';
    const coded =
      feature.type === 'category' ? feature.categories.find(({ encoding }) => encoding === cell) : undefined;
    return coded?.category ?? String(cell);
  });
  return toLine(features.map(({ name }) => name)) + toLine(cells);
}
