import type { ModelMetadata } from './types.ts';

/** Half floats would arrive as their bits. */
const unreadDatatype = 'FP16';

/** The output to read: the pinned one, or the first that is a tensor. @throws if it cannot be read */
export function chooseOutput({ outputs }: Pick<ModelMetadata, 'outputs'>, pinned?: string): string {
  const chosen = pinned === undefined ? outputs[0] : outputs.find(({ name }) => name === pinned);
  if (chosen === undefined) {
    const names = outputs.map(({ name }) => name).join(', ') || 'none';
    const wanted = pinned === undefined ? 'tensor output' : `tensor output "${pinned}"`;
    throw new Error(`the model has no ${wanted}; its tensor outputs are: ${names}`);
  }
  if (chosen.datatype === unreadDatatype)
    throw new Error(`the output "${chosen.name}" is ${chosen.datatype}, which this service does not read`);
  return chosen.name;
}
