import type { Feature } from '../http/feature.ts';

/** The Open Inference Protocol, over the models that are there. */
export const oip = {
  open: async () => (await import('./open-oip.ts')).openOip,
} satisfies Feature;
