import type { TestProcess } from './child.ts';
import { childrenOf, serveWithClients } from './running.ts';

/** Its workers that are ready. */
export function readyWorkersOf(service: TestProcess): number[] {
  return childrenOf(service).filter((pid) => service.stdout.includes(`"worker is ready","pid":${pid}}`));
}

/** Like `serveWithClients`, once all workers are ready. */
export function serveWorkers(names: readonly string[], variables: Readonly<Record<string, string>>) {
  const count = Number(variables.MLAPI_WORKERS ?? '1');
  return serveWithClients(names, variables, (service) => readyWorkersOf(service).length === count);
}
