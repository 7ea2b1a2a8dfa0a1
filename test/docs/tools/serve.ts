import { writeFileSync } from 'node:fs';
import { identityModel } from '../../support/onnx-builder.ts';
import { FakeClock, startService } from '../../support/service.ts';
import { allScopes } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

/**
 * A service for the tools of `.ci/openapi/check`, which runs until its input ends: the shipped models, one uploaded model, and a client
 * with all scopes. Writes the service's address and that client's token to the named file.
 */
const [, , path = ''] = process.argv;

const clock = new FakeClock();
clock.now = Date.now();
const service = await startService({}, { clock });
const { tokens } = await service.newClient('tools', allScopes);
for (const version of ['1', '2']) {
  const { status } = await upload(service, tokens.access_token, ['my-model', version], { model: identityModel(2) });
  if (status !== 201) throw new Error(`the model was not taken: ${status}`);
}
const password = await service.services.clients.add('somebody');
writeFileSync(path, `export URL=${service.url} TOKEN=${tokens.access_token} CLIENT=somebody PASSWORD='${password}'\n`);
process.stdin.resume().once('end', () => void service.close());
