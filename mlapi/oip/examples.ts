import type { Predictor } from '../inference/serving/predictor.ts';

/** Longer examples are left out of the documentation. */
const maxElements = 4_096;
const zeros: Readonly<Record<string, unknown>> = { BOOL: false, BYTES: '' };

/** Returns a request of zeros with size 1 for dynamic dimensions, or nothing if that would be too long. */
export function requestExamples(model: Predictor): Readonly<Record<string, object>> {
  const width = model.contract.features.length;
  const inputs = model.information().inputs.map(({ name, datatype, shape: open }) => {
    // The contract knows the number of features even if the model does not declare it.
    const shape = width > 0 ? [1, width] : open.map((size) => Math.max(1, size));
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, shape, datatype, data: Array<unknown>(Math.min(count, maxElements)).fill(zeros[datatype] ?? 0) };
  });
  const elements = inputs.reduce((sum, { data }) => sum + data.length, 0);
  return elements < maxElements ? { zeros: { id: '1', inputs } } : {};
}
