import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';
import { echoModel, elementTypes, rangeModel, rangeRequest } from './models.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

const infer = (name: string, json: unknown) => ask(service, token, ['POST', `/v2/models/${name}/infer`], { json });

describe('an uploaded model of arbitrary tensors', () => {
  test('201, 200: an input of every datatype, computed in a separate process', async () => {
    const ports = Object.entries(elementTypes).map(([name, type]) => ({
      name: name.toLowerCase(),
      type,
      shape: ['N'],
    }));
    const values: Readonly<Record<string, unknown>> = { BOOL: true, BYTES: 'é' };
    const inputs = Object.keys(elementTypes).map((datatype) => {
      return { name: datatype.toLowerCase(), datatype, shape: [1], data: [values[datatype] ?? 1] };
    });
    expect((await upload(service, token, ['all', '1'], { model: echoModel(ports) })).status).toBe(201);

    const { status, body } = await infer('all', { inputs });

    const outputs = inputs.map((input) => ({ ...input, name: input.name.toUpperCase() }));
    expect([status, body]).toEqual([200, { model_name: 'all', model_version: '1', outputs }]);
    const [predictor] = service.services.predictors.loaded().filter(({ contract }) => contract.name === 'all');
    expect(predictor!.sessions().kind).toBe('child');
    const rows = await ask(service, token, ['POST', '/api/models/all/predict'], { json: [[1]] });
    expect(rows).toMatchObject({ status: 409, body: { code: 'takes_tensors' } });
    const information = await ask(service, token, ['GET', '/api/models/all']);
    expect(information.body).toMatchObject({ features: [], sample: {} });
  });

  test('422, then 201 with a sample: a model that cannot compute zeros', async () => {
    const refused = await upload(service, token, ['range', '1'], { model: rangeModel });
    const taken = await upload(service, token, ['range', '1'], { model: rangeModel, sample: rangeRequest(1) });

    expect(refused).toMatchObject({ status: 422, body: { code: 'model_refused' } });
    expect(taken.status).toBe(201);
    expect((await infer('range', rangeRequest(2))).body).toMatchObject({ outputs: [{ data: [0, 2] }] });
    expect((await infer('range', rangeRequest(0))).status).toBe(422);
  });

  const port = { name: 'x', type: 'int64', shape: ['N', 2, 2] } as const;
  test.each<[string, object, RegExp]>([
    [
      'features',
      { contract: { name: 'a', features: [{ name: 'a', type: 'number' }], output: { kind: 'values' } } },
      /takes tensors/,
    ],
    ['a sample of rows', { sample: { a: 1 } }, /the sample is not an inference request/],
    ['a sample of another input', { sample: rangeRequest(1) }, /Send each input of this model once: "x"/],
    [
      'a sample that does not fit itself',
      { sample: { inputs: [{ name: 'x', datatype: 'INT64', shape: [1, 2, 2], data: [1] }] } },
      /the shape has 4 elements, got 1/,
    ],
  ])('422 with the reason: %s', async (_, files, reason) => {
    const { status, body } = await upload(service, token, ['mistaken', '1'], { model: echoModel([port]), ...files });

    expect([status, body.detail]).toEqual([422, expect.stringMatching(reason)]);
  });

  test('422: a trial input larger than any request is not generated', async () => {
    const model = echoModel([{ name: 'x', type: 'uint8', shape: [4_096, 4_097] }]);

    const { status, body } = await upload(service, token, ['huge', '1'], { model });

    expect([status, body.detail]).toEqual([422, expect.stringContaining('larger than 16777216 bytes')]);
  });
});
