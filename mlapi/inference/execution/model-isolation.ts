import type { Isolation } from '../../sandbox/confinement.ts';
import { findIsolation } from '../../sandbox/isolation.ts';
import { moduleUrl } from '../../sandbox/programs.ts';

/** Returns the strongest isolation under which Node and the model runtime work on this machine. */
export function findModelIsolation(): Promise<Isolation> {
  return findIsolation(moduleUrl('./model-wrapper', import.meta.url));
}
