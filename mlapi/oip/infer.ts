import type { Answer, Call } from '../http/endpoint.ts';
import type { Predictor } from '../inference/predictor.ts';
import type { NamedOutput } from '../inference/tensors.ts';
import { toAnswer } from './answer.ts';
import { classify } from './classification.ts';
import { readInferRequest, type InferRequest } from './infer-request.ts';
import { writeInferResponse } from './infer-response.ts';
import { predictRows } from './rows.ts';

/** Answers an inference request: with raw tensors past the contract, or with rows through it. */
export async function infer(predictor: Predictor, { body, headers, session }: Call): Promise<Answer> {
  const request = readInferRequest(body as Buffer, headers['inference-header-content-length']);
  const client = session?.clientId ?? '';
  const outputs = await compute(predictor, request, client);
  const { name, version } = predictor.contract;
  const written = writeInferResponse({
    model: name,
    version,
    id: request.id,
    outputs: outputs.map((output, index) => {
      const { classes, isBinary } = request.outputs?.[index] ?? {};
      const shown = classes === undefined ? output : classify(output, classes, predictor.contract.output.labels);
      return { ...shown, isBinary: isBinary ?? request.isBinary };
    }),
  });
  return toAnswer(written, headers['accept-encoding']);
}

function compute(predictor: Predictor, request: InferRequest, client: string): Promise<NamedOutput[]> {
  if (request.rows) return predictRows(predictor, request, client);
  return predictor.infer(request.inputs, { outputs: request.outputs?.map(({ name }) => name), client });
}
