import { expect, test } from '@jest/globals';
import { startModels } from '../support/model-folders.ts';
import { echo, echoContract, OipServer } from '../support/oip-server.ts';

test('200: raw tensors of a model of rows on another server', async () => {
  const server = await new OipServer().listen();
  server.infer = echo;
  const service = await startModels(
    { echo: { contract: echoContract(server.url) } },
    { MLAPI_REMOTE_SERVERS: server.url },
  );
  const { tokens } = await service.newClient();
  const input = { name: 'x', shape: [1, 3], datatype: 'FP32', data: [0.5, 1, 2] };

  const { body } = await service.http
    .post('/v2/models/echo/infer')
    .set('Authorization', `Bearer ${tokens.access_token}`)
    .send({ inputs: [input] })
    .expect(200);

  expect(body.outputs).toEqual([{ ...input, name: 'y' }]);
  await service.close();
  await server.close();
});
