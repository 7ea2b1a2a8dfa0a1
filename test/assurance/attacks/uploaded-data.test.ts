import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { externalModel, externalTensor, weights, withInitializers } from '../../support/external-data.ts';
import { attribute, graph, model, node } from '../../support/hostile-onnx.ts';
import { bytes, varint } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

const name = 'w.bin';
const location = ['location', name] as const;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient('mallory', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

/** Expects that nothing of a refused upload is left. */
function expectNothingLeft(): void {
  expect(readdirSync(join(service.dataDir, 'models', 'incoming'))).toEqual([]);
  expect(readdirSync(join(service.dataDir, 'models', 'versions'))).toEqual([]);
}

const elsewhere = externalTensor([location]);
const nodeWith = (...content: Buffer[]) => model({ graph: graph({ nodes: [node({ attributes: [content] })] }) });
const fixed = (entries: readonly (readonly [string, string])[], ...more: Buffer[]) =>
  withInitializers(bytes(5, [...externalTensor(entries), ...more]));

describe('422: hostile locations, with the data sent too', () => {
  const places = [
    ...[
      '/etc/passwd',
      '../w.bin',
      './w.bin',
      'a/w.bin',
      'a\\w.bin',
      '.',
      '../..',
      '',
      ' w.bin',
      'w.bin ',
      '.w.bin',
      'wé.bin',
    ],
    ...[
      '/proc/self/environ',
      '/proc/self/fd/0',
      '/dev/stdin',
      'file:///etc/passwd',
      '*/_ORT_MEM_ADDR_/*',
      'w\u0000.bin',
    ],
    ...['model.onnx', 'MODEL.JSON', 'model.json', 'encoding.csv', 'sample.json', 'x'.repeat(129)],
  ];
  test.each(places)('the location %j', async (place) => {
    const answer = await upload(service, token, ['evil', '1'], {
      model: externalModel(place),
      data: { [name]: weights },
    });

    expect(answer.status).toBe(422);
    expect(['external_data', 'malformed_model']).toContain(answer.body.code);
    expect(JSON.stringify(answer.body)).not.toMatch(/root:|\/var|\/tmp/);
    expectNothingLeft();
  });

  test.each<[string, Buffer]>([
    ['an offset past the end', fixed([location, ['offset', '4']])],
    ['a huge offset', fixed([location, ['offset', '999999999999999']])],
    ['an offset of 2^64', fixed([location, ['offset', '18446744073709551616']])],
    ['a negative offset', fixed([location, ['offset', '-4']])],
    ['another length than the shape has', fixed([location, ['length', '8']])],
    ['a length of 0', fixed([location, ['length', '0']])],
    ['two locations', fixed([location, ['location', 'a']])],
    ['a key of the runtime', fixed([location, ['prepacked_0', 'x']])],
    ['values in the model too', fixed([location], bytes(9, weights))],
    ['a location, and data declared as internal', withInitializers(bytes(5, elsewhere.slice(0, -1)))],
    ['a kind of place that ONNX does not have', withInitializers(bytes(5, [...elsewhere.slice(0, -1), varint(14, 2)]))],
    ['in an attribute', nodeWith(...attribute('value', 4, bytes(5, elsewhere)))],
    [
      'in a subgraph',
      nodeWith(...attribute('then_branch', 5, bytes(6, graph({ inputs: [], more: [bytes(5, elsewhere)] })))),
    ],
    ['in a sparse tensor', model({ graph: graph({ more: [bytes(15, [bytes(1, elsewhere)])] }) })],
    ['in a function', model({ more: [bytes(25, [bytes(7, node())])] })],
    ['strings', withInitializers(bytes(5, [varint(1, 2), varint(2, 8), bytes(8, 'w'), ...elsewhere.slice(4)]))],
    [
      'more files than there may be',
      withInitializers(
        bytes(5, elsewhere),
        ...Array.from({ length: 17 }, (_, at) => bytes(5, externalTensor([['location', `f${at}`]], `w${at}`))),
      ),
    ],
  ])('%s', async (_, evil) => {
    const answer = await upload(service, token, ['evil', '1'], { model: evil, data: { [name]: weights } });

    expect(answer.status).toBe(422);
    expectNothingLeft();
  });

  test('tensors that share the same bytes count in full: 512 MiB in all', async () => {
    const large = (at: number) => [varint(1, 2 ** 27), varint(2, 1), bytes(8, `t${at}`), ...elsewhere.slice(4)];
    const evil = withInitializers(bytes(5, elsewhere), bytes(5, large(0)), bytes(5, large(1)));

    expect(await upload(service, token, ['evil', '1'], { model: evil, data: { [name]: weights } })).toMatchObject({
      status: 422,
      body: { code: 'model_too_large' },
    });
    expectNothingLeft();
  });
});

describe('400: invalid data parts', () => {
  const form = (...names: readonly (string | undefined)[]) => {
    const body = new FormData();
    body.append('model', new Blob([new Uint8Array(externalModel(name))]), 'model.onnx');
    for (const each of names)
      if (each === undefined) body.append('data', 'text');
      else body.append('data', new Blob([new Uint8Array(weights)]), each);
    return ask(service, token, ['PUT', '/api/models/evil/versions/1'], { body });
  };

  test.each<[string, readonly (string | undefined)[]]>([
    ['without a file name', [undefined]],
    ['the name of another part’s file', ['model.json']],
    ['the same in capitals', ['Model.ONNX']],
    ['a hidden name', ['.w.bin']],
    ['the same name twice', [name, name]],
    ['the same name in capitals', [name, 'W.BIN']],
    ['seventeen of them', Array.from({ length: 17 }, (_, at) => `f${at}`)],
  ])('%s', async (_, names) => {
    expect(await form(...names)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expectNothingLeft();
  });

  test('422: a path in a file name is reduced to its last part, which the model must refer to', async () => {
    expect(await form('../../etc/passwd')).toMatchObject({ status: 422, body: { code: 'external_data' } });
    expectNothingLeft();
  });
});
