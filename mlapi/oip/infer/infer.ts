import type { EndpointResponse, Call } from '../../http/endpoint.ts';
import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Serving } from '../../inference/model-source.ts';
import { sizeOfAll } from '../../inference/tensors/output-size.ts';
import type { NamedOutput } from '../../inference/tensors/types.ts';
import { classify } from './classification.ts';
import { InferRequestReader, type InferRequest } from './infer-request.ts';
import { isShort, writeInferResponse, type AnsweredOutput } from './infer-response.ts';
import { planLongResponse } from './long-response.ts';
import { longResponse, shortResponse } from '../response.ts';
import { predictRows } from './rows.ts';

/** Handles inference requests: raw tensors bypass the contract, rows pass through it. */
export class Inference {
  readonly #reader = new InferRequestReader();

  async answer(
    serving: Serving,
    { body, headers, session, memory }: Call<unknown, unknown, Buffer>,
  ): Promise<EndpointResponse> {
    const request = this.#reader.read(body, headers['inference-header-content-length']);
    const outputs = await compute(serving, request, session?.clientId ?? '', memory);
    const { name, version, output: its } = serving.contract;
    const bytes = sizeOfAll(outputs);
    memory.reserve(bytes);
    const answered: AnsweredOutput[] = [];
    for (let index = 0; index < outputs.length; index += 1) {
      const wanted = request.outputs?.[index];
      const count = wanted?.classes;
      const computed = outputs[index]!;
      const output =
        count === undefined
          ? computed
          : await classify(computed, { count, labels: its.labels, memory, heldBytes: bytes });
      answered.push({ output, isBinary: wanted?.isBinary ?? request.isBinary });
    }
    const response = { model: name, version, id: request.id, outputs: answered };
    const accepted = headers['accept-encoding'];
    if (isShort(answered)) return shortResponse(writeInferResponse(response), accepted);
    return longResponse(await planLongResponse(response), accepted);
  }
}

function compute(
  serving: Serving,
  request: InferRequest,
  client: string,
  memory: ResponseMemory,
): Promise<NamedOutput[]> {
  if (request.rows) return predictRows(serving, request, { client, memory });
  return serving.infer(request.inputs, { outputs: request.outputNames, client, memory });
}
