import { describe, expect, jest, test } from '@jest/globals';
import { serve } from '../support/child.ts';
import { temporaryFolder } from '../support/service.ts';
import { recordingSystemd } from '../support/systemd.ts';
import { childrenOf, until } from '../support/running.ts';

jest.setTimeout(240_000);

describe('systemd receives', () => {
  test('READY once the service serves, RELOADING and READY around a reload, STOPPING at the end', async () => {
    const { variables, told } = recordingSystemd();
    const { service } = await serve(temporaryFolder(), { variables });
    await until(() => told().length === 1);
    service.child.kill('SIGHUP');
    await service.says(/"reloaded"/);
    await until(() => told().length === 3);
    await service.kill('SIGTERM');
    expect(told()).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
  });

  test('WATCHDOG twice per watchdog interval, and none once no worker is alive', async () => {
    const { variables, told } = recordingSystemd();
    const { service } = await serve(temporaryFolder(), { variables: { ...variables, WATCHDOG_USEC: '200000' } });
    await until(() => told().filter((line) => line === 'WATCHDOG=1').length >= 3);
    process.kill(childrenOf(service)[0]!, 'SIGSTOP');
    await service.says(/"worker is stuck"/);
    const count = told().length;
    await service.kill('SIGTERM');
    expect(
      told()
        .slice(count)
        .filter((line) => line === 'WATCHDOG=1').length,
    ).toBeLessThanOrEqual(count);
  });
});
