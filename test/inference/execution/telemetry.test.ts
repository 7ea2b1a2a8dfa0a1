import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { mlapi } from '../../support/child.ts';
import { projectRoot } from '../../support/compiled.ts';
import { temporaryFolder } from '../../support/service.ts';

test('onnxruntime sends no telemetry: a prediction leaves no machine id and no event queue behind', async () => {
  const home = temporaryFolder();
  const model = join(projectRoot, 'resources/models/nsl-kdd-classifier');

  const { code, stdout } = await mlapi(temporaryFolder(), ['models', 'check', model], { variables: { HOME: home } });

  expect(stdout).toContain('predictions');
  expect(code).toBe(0);
  expect(readdirSync(home)).toEqual([]);
});
