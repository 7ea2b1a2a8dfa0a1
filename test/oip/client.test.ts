import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { oipModels, tensorModels } from './models.ts';

/** A Python with the packages of test/oip/requirements.txt. */
const python = process.env.TEST_OIP_PYTHON ?? '';
if (python === '')
  console.warn('SKIPPED: the public client of the protocol (TEST_OIP_PYTHON names no Python that has it)');

let service: ModelService;
beforeAll(async () => {
  service = await startModels({ ...oipModels, ...tensorModels });
});
afterAll(() => service.close());

(python === '' ? test.skip : test)(
  'tritonclient, unmodified, can do everything that the service supports',
  async () => {
    const { tokens } = await service.newClient();

    const words = ['test/oip/client.py', `127.0.0.1:${service.port}`, tokens.access_token];
    const child = execFile(python, words);
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text: string) => (output += text));
    await once(child, 'close');

    const passed = [
      'health',
      'metadata',
      'datatypes',
      'tensors',
      'compression',
      'classification',
      'rows',
      'repository',
    ];
    expect(output.trim().split('\n')).toEqual([...passed, 'statistics', 'refusals']);
  },
);
