import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { identityModel } from '../support/onnx-builder.ts';
import { contractOf, startModels, type ModelService } from '../support/model-folders.ts';
import { readConnections } from '../support/nsl-kdd.ts';

const two = ['a', 'b'].map((name) => ({ name, type: 'number' }));
const connections = readConnections(join('test', 'fixtures', 'nsl-kdd', 'rows.csv')).map(({ list }) => list);

let shipped: ModelService;
let echo: ModelService;
beforeAll(async () => {
  shipped = await startModels(join('resources', 'models'));
  echo = await startModels({
    echo: { onnx: identityModel(2), contract: contractOf('echo', two) },
    'one-row': { onnx: identityModel(2, 'float32', 1), contract: contractOf('one-row', two) },
  });
});
afterAll(() => Promise.all([shipped.close(), echo.close()]));

describe('200: a batch', () => {
  test.each(['echo', 'one-row'])('%s returns one prediction per row, in the order of the rows', async (model) => {
    const rows = Array.from({ length: 2_000 }, (_, index) => [index, -index / 8]);

    const { body } = await echo.predict(model, rows).expect(200);

    // JSON has no -0.
    expect(body.predictions).toEqual(rows.map(([a, b]) => [a, b! + 0]));
  });

  test.each(['nsl-kdd-classifier', 'nsl-kdd-anomaly'])(
    '%s predicts each row as it does that row alone, in any order and any batch',
    async (model) => {
      const { body: batch } = await shipped.predict(model, connections, '?scores=true').expect(200);
      const { body: reversed } = await shipped.predict(model, connections.toReversed(), '?scores=true').expect(200);

      expect(reversed.scores.toReversed()).toEqual(batch.scores);
      for (const [row, connection] of connections.slice(0, 60).entries()) {
        const { body: alone } = await shipped.predict(model, [connection], '?scores=true').expect(200);
        expect(alone.predictions).toEqual([batch.predictions[row]]);
        expect(alone.scores).toEqual([batch.scores[row]]);
      }
    },
  );
});

describe('concurrent requests', () => {
  test('200: 600 requests of different sizes and models get their own responses', async () => {
    const { tokens } = await echo.newClient();
    const headers = { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' };
    const requests = Array.from({ length: 600 }, (_, request) => {
      const rows = Array.from({ length: 1 + (request % 7) }, (__, row) => [request, row]);
      return { model: request % 2 === 0 ? 'echo' : 'one-row', rows };
    });

    const answers = await Promise.all(
      requests.map(async ({ model, rows }) => {
        const response = await fetch(`${echo.url}/api/models/${model}/predict`, {
          method: 'POST',
          headers,
          body: JSON.stringify(rows),
        });
        return { status: response.status, body: await response.json() };
      }),
    );

    expect(answers).toEqual(
      requests.map(({ model, rows }) => ({ status: 200, body: { model, version: '1', predictions: rows } })),
    );
  });

  test('400: a bad request fails alone, among good ones', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, request) => {
        return echo.predict('echo', [[request, request % 3 === 0 ? 'x' : 1]]);
      }),
    );

    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, request) => (request % 3 === 0 ? 400 : 200)));
    expect(answers[1]!.body.predictions).toEqual([[1, 1]]);
    expect(answers[97]!.body.predictions).toEqual([[97, 1]]);
  });
});
