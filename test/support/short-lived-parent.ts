import { ModelProcess } from '../../mlapi/inference/execution/model-process.ts';

/** Kills itself as soon as its child exists, before the child is ready; prints the child's pid. */
const child = new ModelProcess({ path: process.argv[2] ?? '', sha256: undefined });
process.stdout.write(`child ${child.pid}\n`, () => process.kill(process.pid, 'SIGKILL'));
