import cluster from 'node:cluster';
import type { ServerProgram } from '../http/server/program.ts';
import type { SupervisedConfig } from './messages.ts';

/** Supervises the worker processes, or serves as one of them. The supervisor loads nothing of what they serve. */
export async function runWorkers<Config extends SupervisedConfig>(program: ServerProgram<Config>): Promise<void> {
  if (cluster.isPrimary) {
    const { Supervisor } = await import('./supervisor.ts');
    await new Supervisor(program.readConfig, program.path).run();
  } else {
    const [{ runWorker }, start] = await Promise.all([import('./worker.ts'), program.load()]);
    runWorker(start);
  }
}
