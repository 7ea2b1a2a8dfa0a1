// Runs in place of the service, under the unit's restrictions, and tries what the service must and must not be able to do. Prints
// one line per attempt; exit code 1 if one is not as it should be.
import console from 'node:console';
import process from 'node:process';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism, getPriority, setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';

const { STATE_DIRECTORY, RUNTIME_DIRECTORY, CREDENTIALS_DIRECTORY } = process.env;
const run = (...words) => execFileSync(words[0], words.slice(1), { stdio: 'pipe' });

const refused = {
  'write its own code': () => writeFileSync('/opt/mlapi/x', ''),
  'write to /etc': () => writeFileSync('/etc/mlapi/environment', ''),
  'write to /tmp of the machine': () => {
    writeFileSync('/tmp/x', '');
    readFileSync('/tmp/plain.log');
  },
  "read root's passphrase file": () => readFileSync('/etc/mlapi/passphrase'),
  'read /etc/shadow': () => readFileSync('/etc/shadow'),
  'look into /root': () => readdirSync('/root'),
  'see other processes': () => readFileSync('/proc/1/cmdline'),
  'read kernel settings': () => readFileSync('/proc/sys/kernel/osrelease'),
  'write kernel settings': () => writeFileSync('/proc/sys/kernel/core_pattern', 'x'),
  'open a TCP socket': async () => once(connect(80, '127.0.0.1'), 'connect'),
  'listen on TCP': async () => once(createServer().listen(0, '127.0.0.1'), 'listening'),
  'see a network': () => {
    if (readFileSync('/proc/self/net/dev', 'utf8').trim().split('\n').length <= 3) throw new Error('loopback only');
  },
  'make a namespace': () => run('unshare', '--user', 'true'),
  mount: () => run('mount', '-t', 'tmpfs', 'none', '/tmp'),
  'gain privileges': () => run('su', '-c', 'true'),
  'make a file setuid': () =>
    run('sh', '-c', `cp /bin/true ${STATE_DIRECTORY}/suid && chmod u+s ${STATE_DIRECTORY}/suid`),
  'set the clock': () => run('date', '-s', '2030-01-01'),
  'change its CPU affinity': () => run('taskset', '-p', '-c', '0', String(process.pid)),
  'take precedence over others': () => setPriority(-1),
  'leave a core': () => run('sh', '-c', 'test "$(ulimit -c)" != 0'),
};
const works = {
  'its state directory': () => writeFileSync(`${STATE_DIRECTORY}/probe`, 'x'),
  'its runtime directory': () => once(createServer().listen(`${RUNTIME_DIRECTORY}/probe.sock`), 'listening'),
  'its credential': () => {
    if (readFileSync(`${CREDENTIALS_DIRECTORY}/passphrase`, 'utf8').length < 16) throw new Error('too short');
  },
  'the number of cores': () => {
    if (availableParallelism() < 1) throw new Error('none');
  },
  'worker threads': async () => once(new Worker('0', { eval: true }), 'exit'),
  'child processes': () => run(process.execPath, '-e', '0'),
  'give way to others': () => {
    setPriority(10);
    if (getPriority() !== 10) throw new Error('as before');
  },
  'compiled code': () => {
    const add = new Function('a', 'b', 'return a + b');
    for (let at = 0; at < 1e6; at += 1) add(at, 1);
  },
};

let mistakes = 0;
const outcome = async (attempt) => {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    return (
      error.code ??
      String(error.stderr ?? error.message)
        .trim()
        .split('\n')[0]
    );
  }
};
for (const [what, attempt] of Object.entries(refused)) {
  const error = await outcome(attempt);
  if (error === undefined) mistakes += 1;
  console.log(error === undefined ? `ALLOWED ${what}` : `refused ${what}: ${error}`);
}
for (const [what, attempt] of Object.entries(works)) {
  const error = await outcome(attempt);
  if (error !== undefined) mistakes += 1;
  console.log(error === undefined ? `works ${what}` : `BROKEN ${what}: ${error}`);
}
process.exit(mistakes === 0 ? 0 : 1);
