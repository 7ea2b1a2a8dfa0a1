import { createHash } from 'node:crypto';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { launch } from '../../mlapi/sandbox/confinement.ts';
import { programsFolder } from '../../mlapi/sandbox/programs.ts';
import { temporaryFolder } from '../support/service.ts';

const memoryBytes = 268_435_456;
const sha256 = (bytes: Buffer | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');
const mounts = (words: readonly string[]) =>
  words.flatMap((word, index) => (word.endsWith('bind') ? [[word, words[index + 1]]] : []));

describe('the command of a model or contract', () => {
  const program = { node: ['/srv/child.js'] };
  const script = (cpu = '') =>
    '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; ulimit -c 0 && ulimit -f 0 && ulimit -n 128 && ' +
    `ulimit -d 262144 && ulimit -v 2359296${cpu} || exit 1; exec "$@"`;

  test('in namespaces', () => {
    const started = launch(program, { memoryBytes, cpuSeconds: 10, isolation: 'namespaces' }, ['/srv']);

    // The test's programs are compiled in a folder of their own, beside the packages.
    const root = dirname(dirname(programsFolder()));
    const modules = join(root, 'node_modules');
    const usr = ['bin', 'lib', 'lib32', 'lib64', 'libexec', 'share', 'local/bin', 'local/lib'].map(
      (name) => `/usr/${name}`,
    );
    const bind = [...usr, '/lib', '/lib64', process.execPath, programsFolder(), modules, realpathSync(modules)]
      .concat(join(root, 'package.json'), join(root, 'tsconfig.json'), '/srv')
      .filter((path) => existsSync(path))
      .flatMap((path) => ['--ro-bind', path, path]);
    const kernel = readdirSync('/proc', { withFileTypes: true })
      .filter((entry) => /^\D/.test(entry.name) && !entry.isSymbolicLink())
      .flatMap(({ name }) => ['--ro-bind-try', `/proc/${name}`, `/proc/${name}`]);
    expect(kernel).toContain('/proc/sys');
    expect(started).toMatchObject({ execPath: '/bin/sh', parentPid: 1, hasOwnSession: true });
    expect(started.execArgv).toEqual([
      ...['-c', script(' && ulimit -t 10'), '/bin/sh', '/usr/bin/bwrap', '--unshare-all', '--die-with-parent'],
      ...['--new-session', '--cap-drop', 'ALL', '--chdir', '/', '--proc', '/proc', '--dev', '/dev', ...bind],
      ...['--remount-ro', '/dev', '--remount-ro', '/', ...kernel],
      ...[...(started.filter ? ['--seccomp', '4'] : []), '--'],
      ...[process.execPath, '--jitless', '/srv/child.js'],
    ]);
  });

  test('with limits alone is byte for byte unchanged', () => {
    expect(launch(program, { memoryBytes, isolation: 'limits' })).toEqual({
      execPath: '/bin/sh',
      execArgv: ['-c', script(), '/bin/sh', process.execPath, '--jitless', '/srv/child.js'],
      parentPid: process.pid,
      hasOwnSession: false,
      filter: undefined,
    });
  });

  test('is Node alone for the operator', () => {
    expect(launch(program)).toEqual({
      ...{ execPath: process.execPath, execArgv: ['/srv/child.js'] },
      ...{ parentPid: process.pid, hasOwnSession: false, filter: undefined },
    });
  });
});

describe('the command of another program', () => {
  const folder = temporaryFolder();
  const scratch = { folder, bytes: 1_000_000, files: 10 };
  const command = { command: ['/usr/bin/true', 'word'] };

  test('mounts nothing of this service, and one writable folder', () => {
    const { execArgv } = launch(command, { memoryBytes, isolation: 'namespaces', scratch }, ['/etc/hostname']);

    const paths = mounts(execArgv);
    expect(paths.filter(([word]) => word === '--bind')).toEqual([['--bind', folder]]);
    for (const path of [programsFolder(), process.cwd(), join(process.cwd(), 'node_modules')])
      expect(paths.map(([, mounted]) => mounted)).not.toContain(path);
    expect(paths).toContainEqual(['--ro-bind', '/etc/hostname']);
    expect(execArgv[execArgv.indexOf('--chdir') + 1]).toBe(folder);
    expect(execArgv[1]).toContain('ulimit -f 1954 ');
    expect(execArgv.slice(-2)).toEqual(command.command);
  });

  test('mounts a folder before the folders inside it, so that neither hides the other', () => {
    const inner = { ...scratch, folder: join(folder, 'out') };
    const inside = launch(command, { memoryBytes, isolation: 'namespaces', scratch: inner }, [folder]);
    const order = mounts(inside.execArgv).map(([, path]) => path);
    expect(order.indexOf(folder)).toBeGreaterThanOrEqual(0);
    expect(order.indexOf(folder)).toBeLessThan(order.indexOf(join(folder, 'out')));
  });

  test('limits processes and CPU time, and sends a signal one second before the CPU limit', () => {
    const { execArgv } = launch(command, { memoryBytes, cpuSeconds: 10, processes: 4, isolation: 'namespaces' });
    expect(execArgv[1]).toContain('ulimit -S -t 10 && ulimit -H -t 11');
    expect(execArgv).toContain('--nproc=512');
  });

  test('has a stricter system call filter unless it may start processes', () => {
    const filterOf = (processes: number, more = {}) =>
      sha256(launch(command, { memoryBytes, isolation: 'namespaces', processes, ...more }).filter);
    if (filterOf(1) === undefined) return;
    expect(new Set([filterOf(1), filterOf(2), filterOf(1, { scratch }), filterOf(2, { scratch })]).size).toBe(4);
    expect(filterOf(1)).toBe(sha256(launch({ node: [] }, { memoryBytes, isolation: 'namespaces' }).filter));
  });
});
