import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findModelIsolation } from '../../../mlapi/inference/execution/model-isolation.ts';
import { ProcessPool } from '../../../mlapi/inference/execution/process-pool.ts';
import type { Confinement } from '../../../mlapi/sandbox/confinement.ts';
import { writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { processTree } from '../../support/process-tree.ts';

const scoreOf = (pid: number | 'self') => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim();

test('the kernel kills model processes first when memory runs out, with and without a sandbox', async () => {
  const path = join(writeModelFolders({ m: { onnx: identityModel(1) } }), 'm/model.onnx');
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
  const memoryBytes = 2 ** 30;
  const walls: (Confinement | undefined)[] = [
    undefined,
    { isolation: 'limits', memoryBytes },
    { isolation: await findModelIsolation(), memoryBytes },
  ];
  for (const confinement of walls) {
    const pool = await ProcessPool.start({ path, sha256, outputName: 'y', slots: 1, confinement });
    const scores = processTree(pool.memory()[0]!.pid).map(scoreOf);
    await pool.release();
    expect([confinement?.isolation, new Set(scores)]).toEqual([confinement?.isolation, new Set(['1000'])]);
  }
  expect(scoreOf('self')).not.toBe('1000');
}, 60_000);
