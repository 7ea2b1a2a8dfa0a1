import { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import { parse } from 'csv-parse';
import { ApiError } from './api-error.ts';
import type { ServiceResponse } from './response.ts';

const maxRecordCharacters = 1_048_576;

/** Predictions as CSV, to be read once: as text or as rows. Leaving the loop early closes the connection. */
export class CsvStream implements AsyncIterable<string> {
  readonly #answer: ServiceResponse;

  constructor(answer: ServiceResponse) {
    this.#answer = answer;
  }

  /** Yields the text as it arrives, including the header. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    for await (const chunk of this.#answer.chunks()) {
      const text = decode(decoder, chunk);
      if (text !== '') yield text;
    }
    decode(decoder);
  }

  /** Yields one object per row, keyed by the header. Cells are text. */
  async *rows(): AsyncGenerator<Readonly<Record<string, string>>, void, undefined> {
    const text = Readable.from(this, { objectMode: false });
    const parser = parse({ columns: true, max_record_size: maxRecordCharacters });
    text.on('error', (error) => parser.destroy(error));
    try {
      for await (const row of text.pipe(parser)) yield row as Record<string, string>;
    } finally {
      text.destroy();
    }
  }
}

function decode(decoder: TextDecoder, chunk?: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw new ApiError('invalid_answer', 'The CSV is not UTF-8.');
  }
}
