import { expect, test } from '@jest/globals';
import { ServiceKills } from './kills/service-kills.ts';

// Many more kills, with a report: npm run faults -- --kills 200

test('kill -9 under resets, refreshes, revocations and audit: the data are intact, and nothing acknowledged is lost', async () => {
  const kills = 6;
  const session = await ServiceKills.open(kills);
  let done = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const outcome = await session.kill();
    expect(outcome.faults).toEqual([]);
    done += outcome.done;
  }
  expect(await session.close()).toEqual([]);
  expect(done).toBeGreaterThan(kills);
}, 120_000);
