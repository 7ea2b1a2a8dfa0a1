import { StreamedBody } from '../../http/body/streamed-body.ts';
import { Problem } from '../../http/problem.ts';
import type { Serving } from '../../inference/model-source.ts';
import type { PredictionResponse } from '../../inference/postprocessing/prediction-response.ts';
import type { InferOptions, PredictOptions, Predictor } from '../../inference/serving/predictor.ts';
import type { InputTensor, Matrix, NamedOutput, RunInput } from '../../inference/tensors/types.ts';
import type { Counter } from './counter.ts';
import type { InputBins } from './input-bins.ts';
import type { ShadowTraffic } from './shadow-traffic.ts';

interface WatchOptions {
  readonly counter: Counter;
  readonly inputs: InputBins;
  readonly shadowTraffic?: ShadowTraffic;
}

/** A model whose predictions are counted, and some of them asked again of a shadow. */
export class WatchedPredictor implements Serving {
  readonly predictor: Predictor;
  readonly #counter: Counter;
  readonly #inputs: InputBins;
  readonly #shadowTraffic: ShadowTraffic | undefined;

  constructor(predictor: Predictor, { counter, inputs, shadowTraffic }: WatchOptions) {
    this.predictor = predictor;
    this.#counter = counter;
    this.#inputs = inputs;
    this.#shadowTraffic = shadowTraffic;
  }

  predict(body: unknown, options: PredictOptions): Promise<PredictionResponse> {
    const shadowTraffic = this.#shadowTraffic?.chosen();
    if (shadowTraffic === undefined)
      return this.#count((onEncoded) => this.predictor.predict(body, { ...options, onEncoded }));
    return this.#predictTwice(shadowTraffic, body, options);
  }

  predictEncoded(matrix: Matrix, options: PredictOptions): Promise<PredictionResponse> {
    return this.#count((onEncoded) => this.predictor.predictEncoded(matrix, { ...options, onEncoded }));
  }

  infer(inputs: readonly InputTensor[], options: InferOptions): Promise<NamedOutput[]> {
    const shadowTraffic = this.#shadowTraffic?.chosen();
    if (shadowTraffic === undefined)
      return this.#count((onEncoded) => this.predictor.infer(inputs, { ...options, onEncoded }));
    let rows = 0;
    const answer = this.#count((onEncoded) =>
      this.predictor.infer(inputs, {
        ...options,
        onEncoded: (input) => {
          rows = input.rows;
          onEncoded(input);
        },
      }),
    );
    return answer.then((outputs) => {
      void shadowTraffic.infer(inputs, { outputs, rows });
      return outputs;
    });
  }

  /** The shadow is asked when the caller has its answer, and never makes it wait. */
  #predictTwice(shadowTraffic: ShadowTraffic, body: unknown, options: PredictOptions): Promise<PredictionResponse> {
    let encoded: Matrix | undefined;
    const answer = this.#count((onEncoded) =>
      this.predictor.predict(body, {
        ...options,
        onEncoded: (input) => {
          if ('data' in input) encoded = input;
          onEncoded(input);
        },
      }),
    );
    // A streamed table is gone once it was read, so it cannot be encoded again.
    const again = body instanceof StreamedBody ? undefined : body;
    return answer.then((made) => {
      void shadowTraffic.predict({ encoded: encoded!, body: again }, made);
      return made;
    });
  }

  #count<Answer>(work: (onEncoded: (input: RunInput) => void) => Promise<Answer>): Promise<Answer> {
    const beganMs = performance.now();
    const counter = this.#counter;
    let rows = 0;
    const refuse = (cause: unknown): never => {
      counter.refused(cause instanceof Problem && cause.status < 500 && cause.status !== 422 ? 'refused' : 'failed');
      throw cause;
    };
    let answer: Promise<Answer>;
    try {
      answer = work((input) => {
        rows = input.rows;
        if ('data' in input) this.#inputs.observe(input);
      });
    } catch (cause) {
      return refuse(cause);
    }
    return answer.then((made) => {
      counter.answered(rows, (performance.now() - beganMs) / 1_000);
      return made;
    }, refuse);
  }
}
