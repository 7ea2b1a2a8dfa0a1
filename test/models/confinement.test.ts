import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { attribute, graph, model, node, value } from '../support/hostile-onnx.ts';
import { buildModel, bytes, identityModel, varint } from '../support/onnx-builder.ts';
import { processTree } from '../support/process-tree.ts';
import { startService, type TestService } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({
    MLAPI_MODEL_MEMORY_BYTES: '268435456',
    // Room for three models.
    MLAPI_MODELS_MEMORY_BYTES: '420000000',
    MLAPI_PREDICT_TIMEOUT_MS: '2000',
  });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

const predict = (name: string, row: readonly number[] = [0]) =>
  ask(service, token, ['POST', `/api/models/${name}/predict`], { json: [row] });

describe('limits of an uploaded model', () => {
  test('E86, 422: a small model that allocates 32 GB costs only its process', async () => {
    const before = processTree(process.pid);
    const answer = await upload(service, token, ['bomb', '1'], { model: filling(2 ** 33) });

    expect(answer).toMatchObject({ status: 422, body: { code: 'model_refused' } });
    expect(processTree(process.pid)).toEqual(before);
  });

  test('E87, 422: an endless loop is killed', async () => {
    const before = processTree(process.pid);
    const answer = await upload(service, token, ['endless', '1'], { model: endless() });

    expect(answer).toMatchObject({ status: 422, body: { code: 'model_refused' } });
    expect(processTree(process.pid)).toEqual(before);
  }, 120_000);

  test('its process sees no file, no network and no process of this machine, if the machine allows namespaces', async () => {
    expect((await upload(service, token, ['seen', '1'], { model: identityModel(1) })).status).toBe(201);
    expect((await predict('seen')).status).toBe(200);
    if ((await service.services.modelStore.untrusted.isolation) !== 'namespaces') {
      console.warn('SKIPPED: namespaces: this machine has no bubblewrap, or forbids it');
      return;
    }
    const pids = processTree(service.services.modelStore.store.loaded()[0]!.sessions().memory[0]!.pid);
    const inside = pids.at(-1)!;
    const namespace = (pid: number | string, kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);
    for (const kind of ['net', 'pid', 'mnt', 'user', 'ipc', 'uts'])
      expect([kind, namespace(inside, kind) === namespace('self', kind)]).toEqual([kind, false]);
    expect(readdirSync(`/proc/${inside}/root`).sort()).not.toEqual(expect.arrayContaining(['etc']));
    const status = readFileSync(`/proc/${inside}/status`, 'utf8');
    expect(/CapEff:\s*(\w+)/.exec(status)?.[1]).toMatch(/^0+$/);
    expect(/NoNewPrivs:\s*(\d)/.exec(status)?.[1]).toBe('1');
    const limits = readFileSync(`/proc/${inside}/limits`, 'utf8');
    expect(/Max data size\s+(\d+)/.exec(limits)?.[1]).toBe('268435456');
    expect(/Max file size\s+(\d+)/.exec(limits)?.[1]).toBe('0');
    expect(/Max core file size\s+(\d+)/.exec(limits)?.[1]).toBe('0');
    expect(readFileSync(`/proc/${inside}/environ`, 'utf8')).not.toMatch(/MLAPI|PASSPHRASE|HOME/);
  });
});

describe('memory', () => {
  test('E97, 200: more models than fit in memory take turns, and the least recently used is unloaded', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names)
      expect((await upload(service, token, [name, '1'], { model: identityModel(1) })).status).toBe(201);
    const { store } = service.services.modelStore;
    let most = 0;
    for (const name of [...names, ...names]) {
      let answer = await predict(name);
      // A model used within the last second stays loaded, so the next one has to wait.
      for (let tries = 0; answer.status === 503 && tries < 100; tries += 1) {
        expect(answer.headers.get('retry-after')).toBe('2');
        await new Promise((resolve) => setTimeout(resolve, 100));
        answer = await predict(name);
      }
      expect([name, answer.status]).toEqual([name, 200]);
      most = Math.max(most, store.loaded().length);
    }
    expect(most).toBeLessThan(names.length);
    expect(most).toBeGreaterThan(0);
  }, 120_000);

  test('204: unloaded on request, and loaded again on use', async () => {
    const { store } = service.services.modelStore;
    const loaded = () => store.loaded().map(({ contract }) => contract.name);
    expect((await ask(service, token, ['POST', '/api/models/a/versions/1/unload'])).status).toBe(204);
    expect(loaded()).not.toContain('a');
    for (let status = 503, tries = 0; status === 503 && tries < 100; tries += 1) {
      ({ status } = await ask(service, token, ['POST', '/api/models/a/versions/1/load']));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(loaded()).toContain('a');
  });
});

/** Returns as many zeros as its weights say, whatever its input. */
function filling(length: number): Buffer {
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      {
        op: 'Constant',
        inputs: [],
        outputs: ['length'],
        attributes: { value: { type: 'int64', shape: [1], values: [BigInt(length)] } },
      },
      { op: 'ConstantOfShape', inputs: ['length'], outputs: ['zeros'] },
      { op: 'ReduceSum', inputs: ['zeros'], outputs: ['sum'] },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
}

/** Loops 2^62 times. */
function endless(): Buffer {
  const boolean = 9;
  const body = graph({
    nodes: [
      node({ op: 'Identity', inputs: ['go'], outputs: ['on'] }),
      node({ op: 'Identity', inputs: ['carried'], outputs: ['next'] }),
    ],
    inputs: [value('turn', [], 7), value('go', [], boolean), value('carried')],
    outputs: [value('on', [], boolean), value('next')],
  });
  const turns = [varint(2, 7), bytes(9, Buffer.from(BigInt64Array.of(2n ** 62n).buffer)), bytes(8, 'turns')];
  const isOn = [varint(2, boolean), bytes(9, Buffer.from([1])), bytes(8, 'is_on')];
  return model({
    graph: graph({
      nodes: [
        node({
          op: 'Loop',
          inputs: ['turns', 'is_on', 'x'],
          outputs: ['y'],
          attributes: [attribute('body', 5, bytes(6, body))],
        }),
      ],
      more: [bytes(5, turns), bytes(5, isOn)],
    }),
  });
}
