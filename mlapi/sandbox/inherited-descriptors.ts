/**
 * Imported first by the programs of the service: closes the descriptors that they inherited besides their standard streams and those that
 * an argument names, such as `/dev/fd/63` of a shell's `<(...)`. Node marks the first ones so that no process of its own inherits them,
 * but it stops at the first gap; a confined process could read the files behind it.
 */
import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = '/proc/self/fd';
const closedOnExec = 0o2000000;
const kept = new Set([
  // The channel to a parent that is Node, too.
  Number(process.env.NODE_CHANNEL_FD ?? -1),
  ...process.argv.map((word) => Number(/^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(word)?.[1] ?? -1)),
]);

if (existsSync(folder))
  for (const descriptor of readdirSync(folder).map(Number))
    if (descriptor > 2 && !kept.has(descriptor) && isInherited(descriptor)) closeSync(descriptor);

function isInherited(descriptor: number): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
    return (parseInt(flags, 8) & closedOnExec) === 0;
  } catch {
    // The one that read the folder.
    return false;
  }
}
