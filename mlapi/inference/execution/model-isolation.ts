import { findIsolation, type Isolation } from '../../sandbox/confinement.ts';
import { moduleUrl } from '../../sandbox/programs.ts';

/** Returns the strongest isolation in which a model can compute on this machine: Node and the runtime must load behind it. */
export function findModelIsolation(): Promise<Isolation> {
  return findIsolation(moduleUrl('./model-wrapper', import.meta.url));
}
