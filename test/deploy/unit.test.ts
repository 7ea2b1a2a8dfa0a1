import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

const unit = 'deploy/mlapi.service';
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const testWithSystemd = hasSystemd ? test : test.skip;
const title = hasSystemd ? '' : ' (NOT RUN: systemd-analyze is not here)';

testWithSystemd(`the unit's exposure is 1.0 or less${title}`, () => {
  const { status, stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=10', unit], {
    encoding: 'utf8',
  });
  expect(stdout).toContain('Overall exposure level');
  expect(status).toBe(0);
});
