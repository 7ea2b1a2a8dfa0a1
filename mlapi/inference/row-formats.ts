import type { StreamedBody, BodySink } from '../http/body/streamed-body.ts';
import type { EndpointResponse } from '../http/endpoint.ts';
import { prefers } from '../http/request/accept.ts';
import type { Contract } from './contract/types.ts';
import type { PredictionResponse } from './postprocessing/prediction-response.ts';
import type { Preprocessor, RowOptions } from './preprocessing/preprocessor.ts';
import type { FeatureEncoder } from './preprocessing/feature-encoder.ts';
import type { Matrix } from './tensors/types.ts';

/**
 * A format of rows and predictions besides JSON. A feature adds it when it opens.
 * @example
 * export const openLines = ({ rowFormats }: { rowFormats: RowFormats }): OpenFeature => {
 *   rowFormats.add(linesFormat);
 *   return {};
 * };
 */
export interface RowFormat {
  readonly mediaType: string;
  /** Parameters that `Content-Type` may have besides the charset UTF-8, in lower case. */
  readonly parameters: readonly string[];
  /** Opens a parser that encodes rows while their bytes arrive. */
  readonly read: (encoders: readonly FeatureEncoder[], options: RowOptions) => BodySink<Matrix>;
  readonly write: (prediction: PredictionResponse) => EndpointResponse;
  readonly docs: {
    readonly rows: string;
    readonly prediction: string;
    /** Writes the sample of a contract as a request. */
    readonly example: (contract: Contract) => string;
  };
}

const usual = 'application/json';

/** The formats that features add to JSON. Endpoints read them when they are created, after all features have opened. */
export class RowFormats {
  readonly #formats: RowFormat[] = [];

  add(format: RowFormat): void {
    this.#formats.push(format);
  }

  get all(): readonly RowFormat[] {
    return this.#formats;
  }

  /** Returns the format that an `Accept` header prefers; undefined for JSON. */
  preferred(accept: string | undefined): RowFormat | undefined {
    if (accept === undefined) return undefined;
    let best: RowFormat | undefined;
    for (const format of this.#formats) if (prefers(accept, format.mediaType, best?.mediaType ?? usual)) best = format;
    return best;
  }
}

/** The body of a request in one of these formats, not read yet. */
export class StreamedRows {
  readonly #body: StreamedBody;
  readonly #format: RowFormat;

  constructor(body: StreamedBody, format: RowFormat) {
    this.#body = body;
    this.#format = format;
  }

  /** Reads and encodes all rows. @throws {Problem} 400, 413 or 503 */
  encode(preprocessor: Preprocessor): Promise<Matrix> {
    return this.#body.into((hold) => preprocessor.open(this.#format.read, hold));
  }
}
