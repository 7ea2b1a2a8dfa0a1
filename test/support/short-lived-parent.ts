import { ModelProcess } from '../../mlapi/inference/execution/model-process.ts';

/** A process that is killed as soon as its child exists, long before that is ready; it says which process that is. */
const child = new ModelProcess({ path: process.argv[2] ?? '', sha256: undefined });
process.stdout.write(`child ${child.pid}\n`, () => process.kill(process.pid, 'SIGKILL'));
