import { expect, test } from '@jest/globals';
import { mlapi } from '../../support/child.ts';
import { temporaryFolder } from '../../support/service.ts';
import { commandKinds, killCommand } from './kills/command-kills.ts';

// Many more kills, with a report: npm run faults -- --kills 200

test.each(commandKinds)('kill -9 in %s: the data are intact, and nothing acknowledged is lost', async (kind) => {
  const dataDir = temporaryFolder();
  await mlapi(dataDir, ['clients', 'add', 'first']);
  for (let kill = 0; kill < 2; kill += 1) {
    expect(await killCommand(dataDir, kind, String(kill))).toMatchObject({ faults: [] });
  }
});
