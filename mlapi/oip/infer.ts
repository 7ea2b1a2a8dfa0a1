import type { Answer, Call } from '../http/endpoint.ts';
import type { Serving } from '../inference/model-source.ts';
import type { NamedOutput } from '../inference/tensors.ts';
import { toAnswer } from './answer.ts';
import { classify } from './classification.ts';
import { InferRequestReader, type InferRequest } from './infer-request.ts';
import { writeInferResponse, type AnsweredOutput } from './infer-response.ts';
import { predictRows } from './rows.ts';

/** Answers inference requests: with raw tensors past the contract, or with rows through it. */
export class Inference {
  readonly #reader = new InferRequestReader();

  async answer(serving: Serving, { body, headers, session }: Call): Promise<Answer> {
    const request = this.#reader.read(body as Buffer, headers['inference-header-content-length']);
    const outputs = await compute(serving, request, session?.clientId ?? '');
    const { name, version, output: its } = serving.predictor.contract;
    const answered: AnsweredOutput[] = [];
    for (let index = 0; index < outputs.length; index += 1) {
      const wanted = request.outputs?.[index];
      const classes = wanted?.classes;
      const computed = outputs[index]!;
      const output = classes === undefined ? computed : await classify(computed, classes, its.labels);
      answered.push({ output, isBinary: wanted?.isBinary ?? request.isBinary });
    }
    const written = writeInferResponse({ model: name, version, id: request.id, outputs: answered });
    return toAnswer(written, headers['accept-encoding']);
  }
}

function compute(serving: Serving, request: InferRequest, client: string): Promise<NamedOutput[]> {
  if (request.rows) return predictRows(serving, request, client);
  return serving.infer(request.inputs, { outputs: request.outputNames, client });
}
