import { Problem } from '../../http/problem.ts';
import type { ModelFile } from '../../inference/tensors/types.ts';
import { isDataFileName, maxDataFiles } from '../scan/data-file-names.ts';
import { quote } from '../scan/scan-refusals.ts';
import { FileSink } from './file-sink.ts';

const dataFileRule = '1 to 128 ASCII letters and digits, with ".", "_", "-" and spaces between them';
/** As large as the model file may be. */
const maxDataBytes = 536_870_912;

/** Files of external data uploaded with a model. */
export class DataFiles {
  readonly #folder: string;
  readonly #sinks = new Map<string, FileSink>();
  readonly #written = new Map<string, ModelFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the file for a form part. @throws {Problem} 400 */
  open(name: string | undefined): FileSink {
    if (name === undefined || !isDataFileName(name))
      throw new Problem(
        400,
        'invalid_request',
        `A part "data" must have the file name that the model refers to: ${dataFileRule}.`,
      );
    if (this.#sinks.size >= maxDataFiles)
      throw new Problem(400, 'invalid_request', `The form has more than ${maxDataFiles} parts "data".`);
    const isTaken = [...this.#sinks.keys()].some((other) => other.toLowerCase() === name.toLowerCase());
    if (isTaken)
      throw new Problem(400, 'invalid_request', `The form has two parts "data" with the name ${quote(name)}.`);
    const sink = new FileSink(this.#folder, name, { maxBytes: maxDataBytes });
    this.#sinks.set(name, sink);
    return sink;
  }

  keep(name: string, written: Pick<ModelFile, 'sha256' | 'sizeBytes'>): void {
    this.#written.set(name, { name, ...written });
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks.values()) await sink.close();
  }

  /**
   * Checks that the received files are those that the model refers to, and returns them.
   * @param ends end offset of the data that the model reads, by file name
   * @throws {Problem} 422 `external_data`
   */
  check(ends: ReadonlyMap<string, number>): ModelFile[] {
    for (const [name, end] of ends) {
      const file = this.#written.get(name);
      if (file === undefined)
        throw refused(
          `The model refers to the file ${quote(name)}, which is missing: send it under that name as a part "data" of the form, ${orInside}`,
        );
      if (file.sizeBytes < end)
        throw refused(
          `${quote(name)} has ${file.sizeBytes} bytes, but the model reads up to byte ${end}: send the complete file.`,
        );
    }
    for (const name of this.#written.keys())
      if (!ends.has(name))
        throw refused(
          `The model does not refer to the file ${quote(name)}: remove the part, or rename it as in the model.`,
        );
    return [...this.#written.values()];
  }
}

const orInside = 'or save the weights inside the model file.';

function refused(text: string): Problem {
  return new Problem(422, 'external_data', text);
}
