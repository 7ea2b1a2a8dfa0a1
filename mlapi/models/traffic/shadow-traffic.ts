import type { Serving } from '../../inference/model-source.ts';
import type { PredictionResponse } from '../../inference/postprocessing/prediction-response.ts';
import type { InputTensor, Matrix, NamedOutput } from '../../inference/tensors/types.ts';
import type { Counter } from './counter.ts';
import { countDifferingRows, countDifferingTensorRows } from './disagreements.ts';
import type { PerPeriod } from './per-period.ts';

export interface ShadowOptions {
  /** The version whose responses are returned to clients. */
  readonly primary: Pick<Serving, 'contract' | 'encoding'>;
  /** Share of requests copied to the shadow, 0 to 1. */
  readonly share: number;
  readonly find: () => Promise<Serving>;
  readonly counter: PerPeriod<Counter>;
  readonly slots: Semaphore;
}

/** Limits concurrent shadow requests of this process, since their memory is not counted against callers. */
export class Semaphore {
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  acquire(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  release(): void {
    this.#free += 1;
  }
}

/** Most bytes that a shadow request may hold. Row responses have at most a million numbers; larger tensor outputs are not compared. */
const maxShadowBytes = 8_388_608;

/** For fair scheduling, all shadow requests count as one client. */
const client = 'shadow';

/** Sends a copy of requests to a second version and counts how often it disagrees. Its responses are discarded. */
export class ShadowTraffic {
  readonly #options: ShadowOptions;

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** Returns itself for `share` of the calls. */
  chosen(): this | undefined {
    const { counter, share } = this.#options;
    // A shadow that is never chosen is listed among the counts, too.
    counter.current();
    return Math.random() < share ? this : undefined;
  }

  /**
   * Repeats a prediction with the shadow. Never rejects.
   * @param encoded rows as encoded for the primary version
   * @param body the rows as received, if still available
   */
  predict({ encoded, body }: { encoded: Matrix; body: unknown }, made: PredictionResponse): Promise<void> {
    const { primary, counter } = this.#options;
    return this.#ask(async (shadow) => {
      const isSame = shadow.encoding === primary.encoding;
      if (!isSame && body === undefined) {
        counter.current().refused('skipped');
        return;
      }
      const { predictions } = await (isSame
        ? shadow.predictEncoded(encoded, { client })
        : shadow.predict(body, { client }));
      const isMeasured = primary.contract.output.kind === 'values';
      counter.current().compared(predictions.length, countDifferingRows(made.predictions, predictions, isMeasured));
    });
  }

  /** Repeats an inference with tensors. Never rejects. */
  infer(
    inputs: readonly InputTensor[],
    { outputs, rows }: { outputs: readonly NamedOutput[]; rows: number },
  ): Promise<void> {
    const { counter } = this.#options;
    if (takeMore(outputs, maxShadowBytes)) {
      counter.current().refused('skipped');
      return Promise.resolve();
    }
    return this.#ask(async (shadow) => {
      const names = outputs.map(({ name }) => name);
      const others = await shadow.infer(inputs, { outputs: names, client });
      counter.current().compared(rows, countDifferingTensorRows(outputs, others, rows));
    });
  }

  async #ask(work: (shadow: Serving) => Promise<void>): Promise<void> {
    const { find, counter, slots } = this.#options;
    if (!slots.acquire()) {
      counter.current().refused('skipped');
      return;
    }
    try {
      const shadow = await find().catch(() => undefined);
      if (shadow === undefined) counter.current().refused('failed');
      // Failures are counted where they happen and reach no caller.
      else await work(shadow).catch(() => undefined);
    } finally {
      slots.release();
    }
  }
}

/** Whether outputs exceed this many bytes. Strings count 128 bytes plus their characters; counting stops at the limit. */
function takeMore(outputs: readonly NamedOutput[], most: number): boolean {
  let bytes = 0;
  for (const { data } of outputs) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else for (let at = 0; at < data.length && bytes <= most; at += 1) bytes += 128 + (data[at] as string).length;
  }
  return bytes > most;
}
