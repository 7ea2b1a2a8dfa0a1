import { Problem } from '../../http/problem.ts';
import type { ModelFile } from '../../inference/tensors/types.ts';
import { isDataFileName, maxDataFiles } from '../scan/data-file-names.ts';
import { quote } from '../scan/scan-refusals.ts';
import { FileSink } from './file-sink.ts';

const dataFileRule = '1 to 128 ASCII letters and digits, with ".", "_", "-" and blanks between them';
/** As large as the model file itself may be. */
const maxDataBytes = 536_870_912;

/** The external data that comes in beside a model, each file once. */
export class DataFiles {
  readonly #folder: string;
  readonly #sinks = new Map<string, FileSink>();
  readonly #written = new Map<string, ModelFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file that a part becomes. @throws {Problem} 400 */
  open(name: string | undefined): FileSink {
    if (name === undefined || !isDataFileName(name))
      throw new Problem(400, 'invalid_request', `A part "data" has a file name that the model names: ${dataFileRule}.`);
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
   * The files, once all have come, if they are those that the model names.
   * @param ends by name, the byte behind the last one that a tensor reads
   * @throws {Problem} 422 `external_data`
   */
  check(ends: ReadonlyMap<string, number>): ModelFile[] {
    for (const [name, end] of ends) {
      const file = this.#written.get(name);
      if (file === undefined)
        throw refused(
          `The model keeps data in ${quote(name)}, which did not come: send that file, under that name, as a part "data" of the form, ${orInside}`,
        );
      if (file.sizeBytes < end)
        throw refused(
          `${quote(name)} has ${file.sizeBytes} bytes, and the model reads up to byte ${end}: send the whole file.`,
        );
    }
    for (const name of this.#written.keys())
      if (!ends.has(name))
        throw refused(`The model keeps no data in ${quote(name)}: leave the part out, or name it as the model does.`);
    return [...this.#written.values()];
  }
}

const orInside = 'or save the model as one file, with the weights inside.';

function refused(text: string): Problem {
  return new Problem(422, 'external_data', text);
}
