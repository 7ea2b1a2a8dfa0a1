import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildModel, identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { filesOf, upload } from '../../support/uploads.ts';

const limit = 400_000;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_MODEL_LIMIT_BYTES: String(limit), MLAPI_CLIENT_MODELS: '6' });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

const nsl = filesOf('resources/models/nsl-kdd-classifier');
const model = identityModel(3);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const newToken = async () => (await service.newClient(undefined, allScopes)).tokens.access_token;

/** Names of the files in the store's folders. */
function filesLeft(): string[] {
  const folder = join(service.dataDir, 'models', 'incoming');
  return existsSync(folder) ? readdirSync(folder) : [];
}

async function counts() {
  const { database } = service.services;
  const count = async (table: 'models' | 'model_versions') =>
    Number(
      (
        await database
          .selectFrom(table)
          .select(({ fn }) => fn.countAll().as('rows'))
          .executeTakeFirstOrThrow()
      ).rows,
    );
  return { models: await count('models'), versions: await count('model_versions'), files: versionFolders().length };
}

function versionFolders(): string[] {
  const folder = join(service.dataDir, 'models', 'versions');
  return existsSync(folder) ? readdirSync(folder) : [];
}

describe('PUT /api/models/{name}/versions/{version}', () => {
  test('201, then predictions with version and digest: a form with the files of a model folder', async () => {
    const answer = await upload(service, token, ['traffic', '1'], nsl);

    expect(answer.body).toMatchObject({
      name: 'traffic',
      version: '1',
      sha256: sha256(nsl.model!),
      sizeBytes: nsl.model!.length,
      retiredAt: null,
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/api/models/traffic/versions/1');
    const predicted = await ask(service, token, ['POST', '/api/models/traffic/predict'], { json: [nsl.sample] });
    expect(predicted.body).toMatchObject({ model: 'traffic', version: '1', sha256: sha256(nsl.model!) });
    expect(predicted.status).toBe(200);
    expect(predicted.headers.get('x-model-sha256')).toBe(sha256(nsl.model!));
    const { pid } = service.services.modelStore.store.loaded()[0]!.sessions().memory[0]!;
    expect(pid).not.toBe(process.pid);
  });

  test('201: an ONNX file alone gets the features f0, f1 ...', async () => {
    expect((await upload(service, token, ['plain', '1'], { model })).status).toBe(201);

    const predicted = await ask(service, token, ['POST', '/api/models/plain/versions/1/predict'], {
      json: [[0, 2, 1]],
    });

    expect(predicted.body).toEqual({ model: 'plain', version: '1', sha256: sha256(model), predictions: [1] });
  });

  test('201: encoding and sample are parts of the form, whatever the contract calls them; 422 if one is missing', async () => {
    const contract = { ...(nsl.contract as object), encoding: 'codes.csv', sample: 'one-row.json' };
    const others = await newToken();

    expect((await upload(service, others, ['renamed', '1'], { ...nsl, contract })).status).toBe(201);
    const information = await ask(service, others, ['GET', '/api/models/renamed']);
    expect(information.body.sample).toEqual(nsl.sample);
    const { encoding: _encoding, ...without } = nsl;
    expect(await upload(service, others, ['renamed', '2'], { ...without, contract })).toMatchObject({
      status: 422,
      body: {
        code: 'model_refused',
        detail:
          'The model was inspected and cannot be served: encoding.csv: file not found: put it in the folder, or send it as the part "encoding".',
      },
    });
  });

  test('409: an existing version, for any client, and the names of the shipped models', async () => {
    const others = await newToken();

    expect(await upload(service, token, ['plain', '1'], { model })).toMatchObject({ status: 409 });
    expect(await upload(service, others, ['plain', '1'], { model })).toMatchObject({
      status: 409,
      body: { code: 'version_exists' },
    });
    expect(await upload(service, token, ['nsl-kdd-classifier', '2'], { model })).toMatchObject({
      status: 409,
      body: { code: 'model_is_shipped' },
    });
  });

  test('403: a new version of another client’s model', async () => {
    expect(await upload(service, await newToken(), ['plain', '2'], { model })).toMatchObject({
      status: 403,
      body: { code: 'not_the_owner' },
    });
  });

  test('201 once, else 409: parallel uploads of one version', async () => {
    const sent = await Promise.all(Array.from({ length: 6 }, () => upload(service, token, ['raced', '1'], { model })));

    expect(sent.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    expect(filesLeft()).toEqual([]);
  });

  test('201 once, else 403 or 409: parallel uploads of one name by several clients', async () => {
    const tokens = await Promise.all(Array.from({ length: 4 }, newToken));

    const sent = await Promise.all(
      tokens.map((one, index) => upload(service, one, ['contested', String(index)], { model })),
    );

    expect(sent.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403]);
  });

  const refused: [string, number, Parameters<typeof upload>[3]][] = [
    ['nothing', 422, { model: Buffer.alloc(0) }],
    ['text', 422, { model: Buffer.from('this is no model') }],
    ['a contract that is not JSON', 422, { model, contract: '{' }],
    ['a contract for another width', 422, { model, contract: { name: 'x', features: [], output: { kind: 'values' } } }],
    ['a contract of 1 MB', 413, { model, contract: { name: 'x'.repeat(1_000_000) } }],
    ['no model in the form', 400, { contract: { name: 'x' } }],
    ['an unknown part', 400, { model, readme: 'x' } as never],
    ['a model that fails on its sample', 422, { model: failing(), contract: contractOf(1) }],
    [
      'a model without a tensor to read',
      422,
      { model, contract: { ...contractOf(3), output: { kind: 'values', tensor: 'z' } } },
    ],
  ];
  test.each(refused)('%s: %i leaves nothing behind, and the name stays free', async (_what, status, files) => {
    const before = await counts();

    const answer = await upload(service, token, ['wrong', '1'], files);

    expect([answer.status, answer.body]).toEqual([
      status,
      expect.objectContaining({ status, detail: expect.any(String) }),
    ]);
    expect(JSON.stringify(answer.body)).not.toMatch(/tmp|incoming|node_modules|mlapi-/);
    expect(await counts()).toEqual(before);
    expect(filesLeft()).toEqual([]);
    const { services } = service;
    expect(await services.modelStore.store.resolve('wrong', '1').catch((cause: unknown) => String(cause))).toMatch(
      /No such/,
    );
  });

  test('413: more than MLAPI_MODEL_LIMIT_BYTES, declared or not', async () => {
    const large = Buffer.alloc(limit + 1);
    expect(await upload(service, token, ['large', '1'], { model: large })).toMatchObject({ status: 413 });
    const chunked = await ask(service, token, ['PUT', '/api/models/large/versions/1'], {
      body: new Blob([large]).stream(),
      duplex: 'half',
      headers: { 'content-type': 'application/octet-stream' },
    }).catch((cause: unknown) => cause);
    // A client that keeps sending may be disconnected before it has read the response.
    if (!(chunked instanceof Error)) expect(chunked).toMatchObject({ status: 413 });
    expect(filesLeft()).toEqual([]);
  });

  test.each([10, 30, 50, 70, 90])(
    'an upload aborted after %i % leaves nothing behind, and the name stays free',
    async (percent) => {
      const before = await counts();
      const bytes = nsl.model!;
      const socket = connect(service.port, '127.0.0.1');
      socket.write(
        `PUT /api/models/broken/versions/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
          `Content-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n\r\n`,
      );
      socket.write(bytes.subarray(0, (bytes.length * percent) / 100));
      while (filesLeft().length === 0) await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
      while (filesLeft().length > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(await counts()).toEqual(before);
    },
  );

  test('403: more versions than a client may have; retiring one makes room', async () => {
    const own = await newToken();
    for (let version = 1; version <= 6; version += 1)
      expect((await upload(service, own, ['many', String(version)], { model })).status).toBe(201);

    expect(await upload(service, own, ['many', '7'], { model })).toMatchObject({
      status: 403,
      body: { code: 'quota_exceeded' },
    });
    expect((await ask(service, own, ['DELETE', '/api/models/many/versions/1'])).status).toBe(204);
    expect((await upload(service, own, ['many', '7'], { model })).status).toBe(201);
  }, 120_000);

  test('400: invalid names and versions', async () => {
    for (const [name, version] of [
      ['UPPER', '1'],
      ['a', '1 '],
      ['a', '.a'],
      ['-a', '1'],
      ['a', 'CON.'],
      ['a'.repeat(65), '1'],
    ] as const)
      expect([
        name,
        (await upload(service, token, [encodeURIComponent(name), encodeURIComponent(version)], { model })).status,
      ]).toEqual([name, 400]);
  });
});

/** Fails for every row: its index is out of bounds, whatever the input. */
function failing(): Buffer {
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      {
        op: 'Constant',
        inputs: [],
        outputs: ['at'],
        attributes: { value: { type: 'int64', shape: [1], values: [7n] } },
      },
      { op: 'Gather', inputs: ['x', 'at'], outputs: ['y'], attributes: { axis: 1 } },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
}

function contractOf(width: number): object {
  return {
    name: 'x',
    features: Array.from({ length: width }, (_, index) => ({ name: `f${index}`, type: 'number' })),
    output: { kind: 'values' },
  };
}
