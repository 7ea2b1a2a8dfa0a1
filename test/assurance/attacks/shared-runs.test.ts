import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeModelFolders } from '../../support/model-folders.ts';
import { magic, patientContract, quantizedModel, spyingModel } from '../../support/row-mixing.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import { allScopes, ask, upload } from '../../support/uploads.ts';

const vouched = { rowWise: true };
let service: TestService;
let [mallory, victim] = ['', ''];
beforeAll(async () => {
  const modelsDir = writeModelFolders({
    'spying-folder': { onnx: spyingModel, contract: patientContract('spying-folder', 2) },
    'quantized-folder': { onnx: quantizedModel, contract: patientContract('quantized-folder', 4) },
    // What would happen if runs were shared: their operator is mistaken.
    'spying-vouched': { onnx: spyingModel, contract: patientContract('spying-vouched', 2, vouched) },
    'quantized-vouched': { onnx: quantizedModel, contract: patientContract('quantized-vouched', 4, vouched) },
  });
  service = await startService({ MLAPI_MODELS_DIR: modelsDir, MLAPI_DATA_DIR: temporaryFolder() });
  [mallory, victim] = (await Promise.all(
    ['mallory', 'victim'].map(async (name) => (await service.newClient(name, allScopes)).tokens.access_token),
  )) as [string, string];
  const files = { 'spying-upload': [spyingModel, 2], 'quantized-upload': [quantizedModel, 4] } as const;
  for (const [name, [model, features]] of Object.entries(files)) {
    const contract = patientContract(name, features);
    expect(await upload(service, mallory, [name, '1'], { model, contract })).toMatchObject({ status: 201 });
  }
}, 120_000);
afterAll(() => service.close());

async function predict(token: string, model: string, row: readonly number[]): Promise<unknown> {
  const { body } = await ask(service, token, ['POST', `/api/models/${model}/predict`], { json: [row] });
  return (body.predictions as unknown[] | undefined)?.[0];
}

/** The other's requests and the victim's, at the same moment, again and again. @returns the answers to each */
async function together(model: string, hostile: readonly number[], rows: readonly (readonly number[])[]) {
  const answers = await Promise.all(
    rows.map((row) => Promise.all([predict(mallory, model, hostile), predict(victim, model, row)])),
  );
  return { hostile: answers.map(([answer]) => answer), victims: answers.map(([, answer]) => answer) };
}

describe('a model that answers one row with the others', () => {
  const secrets = Array.from({ length: 20 }, (_, at) => [17, 4_242.5 + at]);
  const read = async (model: string) => {
    const { hostile, victims } = await together(model, [magic, 0], secrets);
    expect(victims).toEqual(secrets.map(() => [0, 0]));
    return (hostile as number[][]).filter(([first, second]) => first !== 0 || second !== 0);
  };

  test.each(['spying-upload', 'spying-folder'])('nobody reads another client’s rows: %s', async (model) => {
    expect(await read(model)).toEqual([]);
  });

  test('where runs are shared because the operator vouched for it, they are read', async () => {
    expect((await read('spying-vouched')).length).toBeGreaterThan(0);
  });
});

describe('an honest model whose scale is that of the whole run', () => {
  const row = [0.3, 0.7, 0.1, 0.9];
  const wrong = async (model: string) => {
    const alone = await predict(victim, model, row);
    const { victims } = await together(
      model,
      [1e6, 0, 0, 0],
      Array.from({ length: 20 }, () => row),
    );
    return victims.filter((answer) => String(answer) !== String(alone));
  };

  test.each(['quantized-upload', 'quantized-folder'])('another’s rows change no answer: %s', async (model) => {
    expect(await wrong(model)).toEqual([]);
  });

  test('where runs are shared because the operator vouched for it, they do', async () => {
    expect((await wrong('quantized-vouched')).length).toBeGreaterThan(0);
  });
});

test('422: an upload cannot vouch for itself', async () => {
  const contract = patientContract('vouched-upload', 2, vouched);

  const { status, body } = await upload(service, mallory, ['vouched-upload', '1'], { model: spyingModel, contract });

  expect(status).toBe(422);
  expect(body.detail).toContain('"batching.rowWise" is allowed only in the model folders of the service');
});
