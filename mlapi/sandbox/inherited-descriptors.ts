/**
 * Imported first by the programs of the service: closes what they inherited besides their standard streams. Node marks the first ones so that
 * no process of its own inherits them, but it stops at the first gap; a confined process could read what is behind it.
 */
import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = '/proc/self/fd';
const closedOnExec = 0o2000000;
/** The channel to a parent that is Node, too. */
const channel = Number(process.env.NODE_CHANNEL_FD ?? -1);

if (existsSync(folder))
  for (const descriptor of readdirSync(folder).map(Number))
    if (descriptor > 2 && descriptor !== channel && isInherited(descriptor)) closeSync(descriptor);

function isInherited(descriptor: number): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
    return (parseInt(flags, 8) & closedOnExec) === 0;
  } catch {
    // The one that read the folder.
    return false;
  }
}
