import type { Serving } from '../../inference/model-source.ts';
import type { PredictionResponse } from '../../inference/postprocessing/prediction-response.ts';
import type { InputTensor, Matrix, NamedOutput } from '../../inference/tensors/types.ts';
import type { Counter } from './counter.ts';
import { countDifferingRows, countDifferingTensorRows } from './disagreements.ts';
import type { PerPeriod } from './per-period.ts';

export interface ShadowOptions {
  /** The version whose answers count. */
  readonly primary: Pick<Serving, 'contract' | 'encoding'>;
  /** Share of the requests that are sent to the shadow, 0 to 1. */
  readonly share: number;
  readonly find: () => Promise<Serving>;
  readonly counter: PerPeriod<Counter>;
  readonly slots: Semaphore;
}

/** How many requests of this process may be with shadows at once: what they hold is not counted against their callers. */
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

/** Most that one shadow request may hold: responses of rows have at most a million numbers, and larger outputs are not asked for again. */
const maxShadowBytes = 8_388_608;

/** Shadows take turns with callers as one client. */
const client = 'shadow';

/** Asks a second version what a first one has answered, and counts where they disagree. Nobody gets its answers. */
export class ShadowTraffic {
  readonly #options: ShadowOptions;

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** Itself, for so many of the requests. */
  chosen(): this | undefined {
    const { counter, share } = this.#options;
    // A shadow that is never chosen is listed among the counts, too.
    counter.current();
    return Math.random() < share ? this : undefined;
  }

  /** @param rows as the first one had them, and as they came, where they can still be had. Never rejects */
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

  /** The same for raw tensors. Never rejects. */
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
      // Failures are counted where they happen, and no caller is told.
      else await work(shadow).catch(() => undefined);
    } finally {
      slots.release();
    }
  }
}

/** Whether outputs take more bytes than these; texts count 128 besides their characters, and are counted no further than needed. */
function takeMore(outputs: readonly NamedOutput[], most: number): boolean {
  let bytes = 0;
  for (const { data } of outputs) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else for (let at = 0; at < data.length && bytes <= most; at += 1) bytes += 128 + (data[at] as string).length;
  }
  return bytes > most;
}
