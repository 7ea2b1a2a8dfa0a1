import type { EndpointDocs, TextDocs } from '../http/endpoint.ts';
import { anyPredictionSchema, anyRowsSchema, predictionSchema, rowsSchema } from './contract/json-schema.ts';
import type { Contract } from './contract/types.ts';
import type { RowFormat } from './row-formats.ts';
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
export function predictionDocs(shown: Predictor, formats: readonly RowFormat[]): PredictionDocs {
  return docsOf(shown, { rows: anyRowsSchema, prediction: anyPredictionSchema }, formats);
}

/** Documents predictions of the default model, whose contract is known. */
export function defaultPredictionDocs(shown: Predictor, formats: readonly RowFormat[]): PredictionDocs {
  const { contract } = shown;
  const { datatype = '' } = shown.information().inputs[0] ?? {};
  const type = inputTypes[datatype];
  if (contract.features.length === 0 || type === undefined) return predictionDocs(shown, formats);
  return docsOf(shown, { rows: rowsSchema(contract, type), prediction: predictionSchema(contract.output) }, formats);
}

function docsOf(
  { contract, sampleResponse }: Predictor,
  schemas: Schemas,
  formats: readonly RowFormat[],
): PredictionDocs {
  const texts = formats.map(({ mediaType, write, docs }): [string, TextDocs] => {
    const pieces = sampleResponse === undefined ? [] : [...(write(sampleResponse).chunks ?? [])];
    return [mediaType, { description: docs.prediction, example: pieces.join('') }];
  });
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
      texts: Object.fromEntries(texts),
    },
    body: bodyDocs(contract, schemas.rows, formats),
  };
}

function bodyDocs(
  contract: Contract,
  schema: object,
  formats: readonly RowFormat[],
): NonNullable<EndpointDocs['body']> {
  const { features, sample } = contract;
  // A model without features takes tensors, so there is no example row.
  if (features.length === 0) return { schema, examples: {} };
  const texts = formats.map(({ mediaType, docs }): [string, TextDocs] => [
    mediaType,
    { description: docs.rows, example: docs.example(contract) },
  ]);
  return {
    schema,
    examples: {
      'one named row': sample,
      'rows in feature order': [features.map((feature) => sample[feature.name] ?? null)],
    },
    texts: Object.fromEntries(texts),
  };
}
