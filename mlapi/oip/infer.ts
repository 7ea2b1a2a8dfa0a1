import type { Answer, Call } from '../http/endpoint.ts';
import type { Serving } from '../inference/model-source.ts';
import type { NamedOutput } from '../inference/tensors.ts';
import { toAnswer } from './answer.ts';
import { classify } from './classification.ts';
import { readInferRequest, type InferRequest } from './infer-request.ts';
import { writeInferResponse } from './infer-response.ts';
import { predictRows } from './rows.ts';

/** Answers an inference request: with raw tensors past the contract, or with rows through it. */
export async function infer(serving: Serving, { body, headers, session }: Call): Promise<Answer> {
  const request = readInferRequest(body as Buffer, headers['inference-header-content-length']);
  const client = session?.clientId ?? '';
  const outputs = await compute(serving, request, client);
  const { name, version, output: its } = serving.predictor.contract;
  const written = writeInferResponse({
    model: name,
    version,
    id: request.id,
    outputs: outputs.map((output, index) => {
      const { classes, isBinary } = request.outputs?.[index] ?? {};
      const shown = classes === undefined ? output : classify(output, classes, its.labels);
      return { ...shown, isBinary: isBinary ?? request.isBinary };
    }),
  });
  return toAnswer(written, headers['accept-encoding']);
}

function compute(serving: Serving, request: InferRequest, client: string): Promise<NamedOutput[]> {
  if (request.rows) return predictRows(serving, request, client);
  return serving.infer(request.inputs, { outputs: request.outputs?.map(({ name }) => name), client });
}
