import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Predictor } from '../../../mlapi/inference/serving/predictor.ts';
import { ModelCache } from '../../../mlapi/models/serving/model-cache.ts';
import { Traffic } from '../../../mlapi/models/traffic/traffic.ts';
import { MemoryWatch, WatchedGroup } from '../../../mlapi/sandbox/memory-watch.ts';

const megabytes = 1_048_576;
/** Longer than the second in which a model cannot be unloaded after use. */
const idleMs = 1_050;

const owned = (owner: string) => Promise.resolve({ owner, contract: { name: owner, version: '1' } } as never);

/** Models whose start and release a test can block. */
class Models {
  readonly started: string[] = [];
  readonly released: string[] = [];
  readonly memory = new MemoryWatch();
  readonly #holds = new Map<string, Promise<void>>();

  watchGroup(): WatchedGroup {
    return new WatchedGroup(this.memory);
  }

  hold(what: string): () => void {
    const holding: { resolve?: () => void } = {};
    this.#holds.set(what, new Promise((resolve) => (holding.resolve = resolve)));
    return () => holding.resolve?.();
  }

  async start(path: string): Promise<Predictor> {
    this.started.push(path);
    await this.#holds.get(`start ${path}`);
    const release = async () => {
      await this.#holds.get(`release ${path}`);
      this.released.push(path);
    };
    return { memoryBytes: 100 * megabytes, isBusy: false, release } as unknown as Predictor;
  }
}

function open(room: number) {
  const models = new Models();
  const artifacts = { pathOf: (id: string) => id } as never;
  const traffic = new Traffic({ database: {} as never, clock: () => 0 });
  const loaded = new ModelCache({ untrusted: models, artifacts, traffic, memoryBytes: room * megabytes });
  const load = (id: string, owner = 'ada') => loaded.load(id, () => owned(owner));
  return { models, loaded, load };
}

test('the least recently used model is unloaded for a new one', async () => {
  const { models, loaded, load } = open(250);
  for (const id of ['a', 'b']) await load(id);
  await delay(idleMs);
  loaded.get('a');
  await load('c');
  expect(models.released).toEqual(['b']);
  expect(loaded.ids()).toEqual(['a', 'c']);
});

test('a model that waits long for memory never waits for itself', async () => {
  const { models, load } = open(150);
  await load('a');
  await delay(idleMs);
  const letGo = models.hold('release a');
  const starting = load('b');
  // The starting model itself seems to be idle by now.
  await delay(idleMs);
  letGo();
  await starting;
  expect(models.started).toEqual(['a', 'b']);
});

test('503: two models that start at once do not wait for each other', async () => {
  const { models, load } = open(150);
  const letGo = models.hold('start a');
  const first = load('a');
  await delay(idleMs);
  await expect(load('b')).rejects.toMatchObject({ status: 503 });
  letGo();
  await first;
  expect(models.released).toEqual([]);
});

describe('owners', () => {
  test('an owner over their share makes room for another owner, even with recently used models', async () => {
    const { models, loaded, load } = open(450);
    for (const id of ['a', 'b', 'c', 'd']) await load(id, 'eve');
    loaded.get('a');

    await load('x', 'bob');

    expect(models.released).toEqual(['b']);
    expect(loaded.ids()).toEqual(['a', 'c', 'd', 'x']);
  });

  test('503: an owner over their share cannot unload models in use by another', async () => {
    const { models, load } = open(450);
    for (const id of ['a', 'b']) await load(id, 'eve');
    for (const id of ['x', 'y']) await load(id, 'bob');

    await expect(load('c', 'eve')).rejects.toMatchObject({ status: 503 });
    expect(models.released).toEqual([]);
  });

  test('an owner of many makes room for another’s first model, even if a fair share is less than a model', async () => {
    const { models, load } = open(450);
    for (const id of ['a', 'b']) await load(id, 'eve');
    for (const id of ['x', 'y']) await load(id, id);

    await load('z', 'z');

    expect(models.released).toEqual(['a']);
  });

  test('an owner over the share who keeps loading models does not stop other owners from loading', async () => {
    const { models, loaded, load } = open(450);
    const letGo = ['a', 'b', 'c', 'd'].map((id) => models.hold(`start ${id}`));
    const starting = ['a', 'b', 'c', 'd'].map((id) => load(id, 'eve'));
    while (models.started.length < 4) await delay(5);

    await load('x', 'bob');

    const outcomes = Promise.allSettled(starting);
    for (const go of letGo) go();
    expect((await outcomes).map(({ status }) => status).sort()).toEqual([
      ...Array<string>(3).fill('fulfilled'),
      'rejected',
    ]);
    expect(loaded.entries()).toHaveLength(4);
    expect(models.released).toHaveLength(1);
  });

  test('idle models of an owner over its share are unloaded first, even if used later', async () => {
    const { models, loaded, load } = open(450);
    await load('x', 'bob');
    for (const id of ['a', 'b', 'c']) await load(id, 'eve');
    await delay(idleMs);
    for (const id of ['a', 'b', 'c']) loaded.get(id);
    await delay(idleMs);

    await load('d', 'eve');

    expect(models.released).toEqual(['a']);
  });
});
