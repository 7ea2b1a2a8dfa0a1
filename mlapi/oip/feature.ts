import type { Feature } from '../http/feature.ts';
import { oipErrorShape } from './error-shape.ts';
import { oipHealthEndpoints, tag } from './health-routes.ts';

/** The Open Inference Protocol, over the models that are there. */
export const oip = {
  errorShape: oipErrorShape,
  startingEndpoints: oipHealthEndpoints,
  tags: { [tag]: 'The same models through the Open Inference Protocol and its extensions' },
  open: async () => (await import('./open-oip.ts')).openOip,
} satisfies Feature;
