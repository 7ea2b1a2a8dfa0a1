import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeModelFolders, type ModelFolder } from '../../support/model-folders.ts';
import { buildModel, type ElementType } from '../../support/onnx-builder.ts';
import { startWatched, type WatchedService } from '../../support/watched.ts';

/** Returns as many zeros as requested. */
function zeros(name: string, type: ElementType, shape: readonly string[] = ['M'], executor = 'inline'): ModelFolder {
  return {
    onnx: buildModel({
      inputs: [{ name: 'n', type: 'int64', shape: [shape.length] }],
      nodes: [
        { op: 'ConstantOfShape', inputs: ['n'], outputs: ['zeros'] },
        { op: 'Cast', inputs: ['zeros'], outputs: ['y'], attributes: { to: type === 'float16' ? 10 : 1 } },
      ],
      outputs: [{ name: 'y', type, shape }],
    }),
    contract: { name, executor, sample: 'sample.json' },
    sample: { inputs: [{ name: 'n', datatype: 'INT64', shape: [shape.length], data: shape.map(() => 1) }] },
  };
}

let watched: WatchedService;
let pid: number;
let bearers: string[];
beforeAll(async () => {
  const folders = {
    big: zeros('big', 'float32'),
    half: zeros('half', 'float16'),
    wide: zeros('wide', 'float32', ['M', 'C']),
    apart: zeros('apart', 'float32', ['M'], 'child'),
  };
  watched = await startWatched({ MLAPI_MODELS_DIR: writeModelFolders(folders), MLAPI_DEFAULT_MODEL: 'big' });
  ({ pid } = await watched.health());
  bearers = [];
  for (let client = 0; client < 6; client += 1)
    bearers.push(`Bearer ${(await watched.inside.newClient()).tokens.access_token}`);
});
afterAll(() => watched.close());

interface Asked {
  readonly model?: string;
  readonly encoding?: string;
  readonly isBinary?: boolean;
  readonly classes?: number;
  readonly client?: number;
}

/** Requests an output of this shape, and waits only for the head of the response. */
async function ask(shape: readonly number[], { model = 'big', encoding = '', isBinary, classes, client = 0 }: Asked) {
  const outputs = classes === undefined ? undefined : [{ name: 'y', parameters: { classification: classes } }];
  const body = JSON.stringify({
    inputs: [{ name: 'n', datatype: 'INT64', shape: [shape.length], data: shape }],
    ...(isBinary === true && { parameters: { binary_data_output: true } }),
    outputs,
  });
  const asked = request({
    host: '127.0.0.1',
    port: watched.port,
    path: `/v2/models/${model}/infer`,
    method: 'POST',
    headers: { authorization: bearers[client], 'accept-encoding': encoding },
  });
  asked.on('error', () => undefined).end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer.on('error', () => undefined);
}

interface Read {
  readonly status: number | undefined;
  readonly bytes: number;
  readonly digest: string;
  /** The first thousand characters. */
  readonly begin: string;
}

/** Reads and decompresses the whole response; keeps only its digest. */
async function read(answer: IncomingMessage): Promise<Read> {
  const encoding = answer.headers['content-encoding'];
  let plain: Readable = answer;
  if (encoding === 'gzip') plain = answer.pipe(createGunzip());
  if (encoding === 'deflate') plain = answer.pipe(createInflate());
  const digest = createHash('sha256');
  let bytes = 0;
  let begin = '';
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    if (begin.length < 1_000) begin += chunk.toString('latin1', 0, 1_000);
    bytes += chunk.length;
    digest.update(chunk);
  }
  return { status: answer.statusCode, bytes, begin, digest: digest.digest('hex') };
}

/** The expected response of this many zeros. */
function expected(count: number): Pick<Read, 'bytes' | 'digest'> {
  const head = `{"model_name":"big","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[${count}],"data":[`;
  const text = `${head}${'0,'.repeat(count - 1)}0]}]}`;
  return { bytes: text.length, digest: createHash('sha256').update(text).digest('hex') };
}

const mebibytes = (name: 'VmRSS' | 'VmHWM') =>
  Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

/** The peak growth of the service's resident memory, in MiB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  await watched.health();
  // Makes the kernel forget the previous peak.
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = mebibytes('VmRSS');
  await work();
  return mebibytes('VmHWM') - before;
}

/** 10 MB of JSON as zeros; other numbers could take 125 MB. */
const many = 5_000_000;
/** Outputs of 64 MiB. */
const most = 16_777_216;

describe('a request of 74 bytes for a large response', () => {
  test.each(['', 'gzip', 'deflate'])(
    '200: five million numbers as JSON with the encoding "%s", byte for byte',
    async (encoding) => {
      const grownMiB = await growth(async () => {
        const answers = await Promise.all(
          [1, 2, 3].map(async (client) => read(await ask([many], { encoding, client }))),
        );
        for (const answer of answers) expect(answer).toMatchObject({ status: 200, ...expected(many) });
      });
      // Three waiting outputs of 20 MB and one being written, but not their text.
      expect(grownMiB).toBeLessThan(200);
    },
  );

  test('503: unread responses of 64 MiB, over two per client or four in all; other responses are not delayed', async () => {
    const held: IncomingMessage[] = [];
    const statuses: (number | undefined)[] = [];
    const grownMiB = await growth(async () => {
      for (const client of [0, 0, 0, 1, 1, 2, 3]) {
        const answer = await ask([most], { encoding: 'gzip', isBinary: true, client });
        statuses.push(answer.statusCode);
        held.push(answer);
      }
    });
    expect(statuses).toEqual([200, 200, 503, 200, 503, 200, 503]);
    expect(grownMiB).toBeLessThan(600);
    for (const client of [0, 1, 2, 3, 4])
      expect(await read(await ask([5_000], { client }))).toMatchObject({ status: 200, ...expected(5_000) });
    // Disconnected clients release the memory of their responses.
    for (const answer of held) answer.destroy();
    const again = async () => {
      const answer = await ask([most], { isBinary: true, client: 3 });
      return read(answer);
    };
    let last = await again();
    while (last.status === 503) last = await again();
    expect(last).toMatchObject({ status: 200 });
    expect(last.bytes).toBeGreaterThan(4 * most);
  });

  test('422: numbers too large as JSON, with a hint; as binary data they are returned, compressed too', async () => {
    for (const [model, count] of [
      ['big', most],
      ['half', 33_000_000],
    ] as const) {
      const { status, begin } = await read(await ask([count], { model, encoding: 'gzip' }));
      expect([status, begin]).toEqual([422, expect.stringContaining('binary_data_output')]);
    }
    const { status, bytes } = await read(await ask([33_000_000], { model: 'half', encoding: 'gzip', isBinary: true }));
    expect(status).toBe(200);
    expect(bytes).toBeGreaterThan(66_000_000);
  });

  test('200: an output of 64 MiB from a child process; 422 over the limit', async () => {
    const grownMiB = await growth(async () => {
      const { status, bytes } = await read(await ask([most], { model: 'apart', encoding: 'gzip', isBinary: true }));
      expect([status, bytes > 4 * most]).toEqual([200, true]);
    });
    expect(grownMiB).toBeLessThan(250);
    expect((await read(await ask([most + 1], { model: 'apart', isBinary: true }))).status).toBe(422);
  });

  test('422: classification of millions of rows, before any is computed', async () => {
    const { status, begin } = await read(await ask([most, 1], { model: 'wide', classes: 1 }));
    expect([status, begin]).toEqual([422, expect.stringContaining('send fewer rows')]);
    const one = await read(await ask([1, 1_000_000], { model: 'wide', classes: 2 }));
    expect(one.begin).toContain('"shape":[1,2],"data":["0.000000:0","0.000000:1"]');
  });
});
