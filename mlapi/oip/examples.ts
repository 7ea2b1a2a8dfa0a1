import type { Predictor } from '../inference/serving/predictor.ts';

/** Documents show no longer requests. */
const maxElements = 4_096;
const zeros: Readonly<Record<string, unknown>> = { BOOL: false, BYTES: '' };

/** A request of zeros, with one of whatever the inputs of the model leave open; none where that is long. */
export function requestExamples(model: Predictor): Readonly<Record<string, object>> {
  const width = model.contract.features.length;
  const inputs = model.information().inputs.map(({ name, datatype, shape: open }) => {
    // A contract knows how many features there are also where the model does not say it.
    const shape = width > 0 ? [1, width] : open.map((size) => Math.max(1, size));
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, shape, datatype, data: Array<unknown>(Math.min(count, maxElements)).fill(zeros[datatype] ?? 0) };
  });
  const elements = inputs.reduce((sum, { data }) => sum + data.length, 0);
  return elements < maxElements ? { zeros: { id: '1', inputs } } : {};
}
