import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './service.ts';

/** A `systemd-notify` that records its arguments in place of the real one. */
export function recordingSystemd() {
  const folder = temporaryFolder();
  const record = join(folder, 'record');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${record}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const variables = { PATH: `${folder}:${process.env.PATH}`, NOTIFY_SOCKET: join(folder, 'socket') };
  return { variables, told: () => (existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : []) };
}
