import type { ModelMetadata } from './types.ts';

/** FP16 outputs arrive as bits, which predictions cannot use. */
const unreadDatatype = 'FP16';

/**
 * Returns the name of the output that predictions are read from: the pinned one, or the first.
 * @throws {Error} if there is none or its datatype is FP16
 */
export function chooseOutput({ outputs }: Pick<ModelMetadata, 'outputs'>, pinned?: string): string {
  const chosen = pinned === undefined ? outputs[0] : outputs.find(({ name }) => name === pinned);
  if (chosen === undefined) {
    const names = outputs.map(({ name }) => name).join(', ') || 'none';
    const wanted = pinned === undefined ? 'tensor output' : `tensor output "${pinned}"`;
    throw new Error(`the model has no ${wanted}; its tensor outputs are: ${names}`);
  }
  if (chosen.datatype === unreadDatatype)
    throw new Error(`the output "${chosen.name}" is ${chosen.datatype}, which is not supported for predictions`);
  return chosen.name;
}
