import { ProcessPool } from '../../mlapi/inference/execution/process-pool.ts';

/** Starts a child on a long run of the slow model, and prints the child's pid. */
const [path = '', sha256 = ''] = process.argv.slice(2);
const pool = await ProcessPool.start({ path, sha256, outputName: 'y', slots: 1 });
void pool.run({ data: Float32Array.of(8_000), rows: 1, width: 1 }, Infinity);
console.log(`child ${pool.memory()[0]!.pid}`);
