import { setTimeout as delay } from 'node:timers/promises';
import { buildModel, constantOf, identityModel } from '../../support/onnx-builder.ts';
import { ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';
import type { Served } from './served.ts';

/** Each client may have eight concurrent uploads, of which two are inspected at a time. */
const callers = 4;

/** Several starts of one service, each measured when it is idle. */
export interface Starts {
  readonly rssMb: readonly number[];
  readonly readyMs: readonly number[];
}

/** Uploads a model and requests its first prediction. @returns the total times, in ms */
export async function firstPredictions(served: Served, times: number): Promise<number[]> {
  const token = served.token('ada');
  const model = megabyteModel();
  const row = Array.from({ length: width }, () => 0);
  const took: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const name = `large-${time}`;
    const startedAt = performance.now();
    const sent = await upload(served, token, [name, '1'], { model });
    const predicted = await ask(served, token, ['POST', `/api/models/${name}/predict`], { json: [row] });
    took.push(performance.now() - startedAt);
    if (sent.status !== 201 || predicted.status !== 200) throw new Error(JSON.stringify([sent.body, predicted.body]));
    await ask(served, token, ['POST', `/api/models/${name}/versions/1/unload`]);
  }
  return took;
}

/** Uploads many small models, ten versions each. @returns the duration in seconds */
export async function registerModels(served: Served, count: number): Promise<number> {
  const token = served.token('ada');
  const model = identityModel(2);
  const startedAt = performance.now();
  let next = 0;
  const call = async () => {
    for (let index = next; index < count; index = next) {
      next += 1;
      const name = `small-${Math.floor(index / 10)}`;
      const { status, body } = await upload(served, token, [name, String(index % 10)], { model });
      if (status !== 201) throw new Error(JSON.stringify(body));
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return (performance.now() - startedAt) / 1_000;
}

/** Starts and stops a stopped service. */
export async function measureStarts(served: Served, starts: number, settleMs: number): Promise<Starts> {
  const rssMb: number[] = [];
  const readyMs: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    readyMs.push(await served.start());
    await delay(settleMs);
    rssMb.push(served.workerRssMb());
    await served.stop();
  }
  return { rssMb, readyMs };
}

const width = 512;

/** 512 × 512 weights of four bytes. */
function megabyteModel(): Buffer {
  const weights = Array.from({ length: width }, (_, row) =>
    Array.from({ length: width }, (_, column) => ((row * 31 + column * 17) % 100) / 100),
  );
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', width] }],
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['w'], attributes: { value: constantOf(weights) } },
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', width] }],
  });
}
