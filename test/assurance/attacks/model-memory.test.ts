import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { readTreeMemory } from '../../../mlapi/sandbox/process-memory.ts';
import { growingModel } from '../../support/growing-model.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

const mebibyte = 1_048_576;
const budgetBytes = 512 * mebibyte;
/** The cores of this machine can allocate this much between two memory checks. */
const betweenLooksBytes = 256 * mebibyte;
/** 160 MB. */
const manyZeros = 40_000_000;
const names = ['a', 'b', 'c', 'd'];

let service: TestService;
afterEach(() => service.close());

async function start(): Promise<void> {
  service = await startService({
    MLAPI_MODEL_MEMORY_BYTES: String(budgetBytes),
    MLAPI_MODELS_MEMORY_BYTES: String(budgetBytes),
  });
}

async function newOwner(name: string) {
  const token = (await service.newClient(name, allScopes)).tokens.access_token;
  return {
    add: async (model: string, onnx: Buffer) =>
      expect([model, (await upload(service, token, [model, '1'], { model: onnx })).status]).toEqual([model, 201]),
    predict: (model: string, value = 0) =>
      ask(service, token, ['POST', `/api/models/${model}/predict`], { json: [[value]] }),
  };
}

/** Memory of all processes of uploaded models. */
function memoryInUse(): number {
  const pids = service.services.modelStore.store
    .loaded()
    .flatMap((model) => model.sessions().memory.map(({ pid }) => pid));
  return pids.reduce((sum, pid) => sum + (readTreeMemory(pid)?.bytes ?? 0), 0);
}

describe('the memory of uploaded models', () => {
  test.each(['one after the other', 'all at once'])(
    'four models that grow after loading, %s: they are ended, the budget holds, others are served',
    async (how) => {
      await start();
      const eve = await newOwner('eve');
      const bob = await newOwner('bob');
      for (const name of names) await eve.add(name, growingModel());
      await bob.add('honest', identityModel(1));
      expect((await bob.predict('honest', 7)).body).toMatchObject({ predictions: [7] });
      for (const name of names) expect((await eve.predict(name)).status).toBe(200);

      let maxBytes = 0;
      const looking = setInterval(() => (maxBytes = Math.max(maxBytes, memoryInUse())), 20);
      const grow = (name: string) => eve.predict(name, manyZeros);
      const answers = [];
      if (how === 'all at once') answers.push(...(await Promise.all(names.map(grow))));
      else for (const name of names) answers.push(await grow(name));
      clearInterval(looking);

      for (const { status, body, headers } of answers)
        if (status !== 200) {
          expect([status, body.code]).toEqual([503, 'memory_exhausted']);
          expect(headers.get('retry-after')).toBe('2');
        }
      // The memory check after the last response.
      while (memoryInUse() > budgetBytes) await delay(10);
      expect(maxBytes).toBeGreaterThan(manyZeros * 4);
      expect(maxBytes).toBeLessThan(budgetBytes + betweenLooksBytes);
      expect((await bob.predict('honest', 7)).body).toMatchObject({ predictions: [7] });
      expect(service.services.modelStore.store.loaded().length).toBeGreaterThan(1);
    },
    120_000,
  );

  test('503, without effect on others: a model that grows beyond the whole budget', async () => {
    await start();
    const eve = await newOwner('eve');
    const bob = await newOwner('bob');
    await eve.add('a', growingModel());
    await bob.add('honest', identityModel(1));
    await bob.predict('honest');
    const { pid } = service.services.modelStore.store.loaded()[0]!.sessions().memory[0]!;

    const answer = await eve.predict('a', 130_000_000);

    expect([422, 503]).toContain(answer.status);
    expect((await bob.predict('honest', 3)).body).toMatchObject({ predictions: [3] });
    expect(service.services.modelStore.store.loaded()[0]!.sessions().memory[0]!.pid).toBe(pid);
  }, 120_000);

  test('200: another owner’s model is loaded while one owner keeps four in use', async () => {
    await start();
    const eve = await newOwner('eve');
    const bob = await newOwner('bob');
    for (const name of names) await eve.add(name, growingModel());
    await bob.add('honest', identityModel(1));
    await bob.add('second', identityModel(1));
    for (const name of names) await eve.predict(name, 10_000_000);
    let isOver = false;
    const warm = names.map(async (name) => {
      while (!isOver) {
        await eve.predict(name);
        await delay(50);
      }
    });

    const answers = [];
    for (let tries = 0; tries < 4; tries += 1) answers.push((await bob.predict('honest', 7)).status);
    answers.push((await bob.predict('second', 7)).status);

    isOver = true;
    await Promise.all(warm);
    expect(answers).toEqual([200, 200, 200, 200, 200]);
  }, 120_000);
});
