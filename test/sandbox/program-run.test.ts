import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { MessagePipe } from '../../mlapi/sandbox/message-pipe.ts';
import { ProgramRun, WeakIsolation } from '../../mlapi/sandbox/program-run.ts';
import { startCompiled } from '../support/child.ts';
import { describeConfined, processesWith, python, runPython, startPython } from '../support/confined-programs.ts';
import { temporaryFolder } from '../support/service.ts';
import { until } from '../support/running.ts';

const words = (...lines: readonly string[]) => lines.join('\n');

describeConfined('a confined Python program', () => {
  test('computes with threads and libraries, reads its files and leaves results in its folder', async () => {
    const input = join(temporaryFolder(), 'input.csv');
    writeFileSync(input, '1,2\n3,4\n');
    const code = words(
      'import csv, json, sqlite3, tempfile, threading',
      `rows = [[int(cell) for cell in row] for row in csv.reader(open(${JSON.stringify(input)}))]`,
      'sums = []',
      'threads = [threading.Thread(target=lambda row=row: sums.append(sum(row))) for row in rows]',
      '[thread.start() for thread in threads]; [thread.join() for thread in threads]',
      'json.dump(sorted(sums), open("result.json", "w"))',
      'print(sqlite3.connect("rows.db").execute("select 1").fetchone(), tempfile.gettempdir())',
    );
    const { folder, ...outcome } = await runPython(code, { files: [input] });
    expect(outcome).toMatchObject({ ending: 'succeeded', exitCode: 0, signal: undefined, isolation: 'namespaces' });
    expect(outcome.text).toBe(`(1,) ${folder}\n`);
    expect(readFileSync(join(folder, 'result.json'), 'utf8')).toBe('[3, 7]');
  });

  test('has only the given environment, its own descriptors, and a lower priority', async () => {
    process.env.MLAPI_TEST_SECRET = 'secret';
    const code = words(
      'import os, time, json',
      'time.sleep(0.3)',
      'group = open("/proc/self/autogroup").read().split()[-1] if os.path.exists("/proc/self/autogroup") else None',
      'score = int(open("/proc/self/oom_score_adj").read())',
      'files = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]',
      'print(json.dumps([sorted(os.environ), os.nice(0), score, group, len([f for f in files if f.startswith("socket")])]))',
    );
    const { text } = await runPython(code, { env: { GIVEN: '1' } });
    delete process.env.MLAPI_TEST_SECRET;
    const [names, nice, score, group, sockets] = JSON.parse(text) as [string[], number, number, string | null, number];
    // The shell adds the working directory, and Python its encoding.
    expect(names.filter((name) => !['PWD', 'LC_CTYPE'].includes(name))).toEqual(['GIVEN']);
    expect([nice, score]).toEqual([Math.min(19, getPriority() + 10), 1_000]);
    expect([null, '10']).toContain(group);
    // Output, errors and the pipe; not bubblewrap's report of its state.
    expect(sockets).toBe(3);
  });

  test('can run the interpreter of a virtual environment whose folders it is given', async () => {
    const home = temporaryFolder();
    const code = 'import sys, marker; print(sys.prefix, marker.value)';
    mkdirSync(join(home, 'bin'));
    mkdirSync(join(home, 'lib/python'), { recursive: true });
    writeFileSync(join(home, 'lib/python/marker.py'), 'value = 42');
    writeFileSync(join(home, 'bin/python'), `#!/bin/sh\nexec ${python} -B "$@"\n`, { mode: 0o755 });
    const run = new ProgramRun([join(home, 'bin/python'), '-c', code], {
      confinement: { isolation: 'namespaces', memoryBytes: 2 ** 29 },
      files: [home],
      env: { PYTHONPATH: join(home, 'lib/python') },
      ...{ timeoutMs: 30_000, output: { bytes: 1_000 } },
    });
    const { ending, output } = await run.ended;
    expect([ending, output.tail.toString()]).toEqual(['succeeded', '/usr 42\n']);
  });

  test('exchanges messages over descriptor 3', async () => {
    const code = words(
      'import os, struct',
      'length = struct.unpack("<I", os.read(3, 4))[0]',
      'body = os.read(3, length)',
      'os.write(3, struct.pack("<I", length) + body[::-1])',
    );
    const { run } = startPython(code);
    const answer = new Promise<unknown>((resolve) => {
      const decode = (body: Buffer) => body.toString();
      new MessagePipe(run.pipe, { maxBytes: 100, decode, onMessage: resolve }).sendBytes(Buffer.from('abc'));
    });
    expect(await answer).toBe('cba');
    expect((await run.ended).ending).toBe('succeeded');
  });

  test('delivers both output streams while it runs, up to a limit', async () => {
    const code = words(
      'import sys, os',
      'print("started", flush=True); print("warning", file=sys.stderr, flush=True)',
      'os.read(3, 1)',
      'print("x" * 300_000); print("the last line")',
    );
    const heard = { stdout: '', stderr: '' };
    const { run } = startPython(code, {
      output: {
        bytes: 1_000,
        onOutput: (chunk, stream) => {
          heard[stream] += chunk.toString();
          // It waits for this, so both lines came before its end.
          if (heard.stdout.includes('started') && heard.stderr.includes('warning')) run.pipe.write('.');
        },
      },
    });
    const { ending, output } = await run.ended;
    expect(ending).toBe('succeeded');
    expect(heard.stdout.length + heard.stderr.length).toBe(1_000);
    expect(output.bytes).toBe(8 + 8 + 300_001 + 14);
    expect(output.droppedBytes).toBe(output.bytes - 1_000);
    expect(output.tail.toString().endsWith('x\nthe last line\n')).toBe(true);
  });

  test.each([
    [
      'exit code 7',
      'import sys; sys.exit(7)',
      { ending: 'failed', exitCode: 7, reason: 'It failed with exit code 7.' },
    ],
    ['SIGSEGV', 'import os; os.kill(os.getpid(), 11)', { ending: 'failed', reason: 'It was ended by SIGSEGV.' }],
    ['a missing program', 'import os; os.execv("/none", ["none"])', { ending: 'failed', exitCode: 1 }],
  ])('says how it ended: %s', async (_, code, expected) => {
    expect(await runPython(code)).toMatchObject(expected);
  });

  test('may start the allowed number of processes, by default none', async () => {
    const code = 'import subprocess; print(subprocess.check_output("echo from a shell", shell=True))';
    expect(await runPython(code, { limits: { processes: 2 } })).toMatchObject({
      ...{ ending: 'succeeded', text: "b'from a shell\\n'\n" },
    });
    const refused = await runPython(code);
    expect(refused.ending).toBe('failed');
    expect(refused.text).toContain('Operation not permitted');
  });

  test('is asked to end when it is stopped, and gets time to do so', async () => {
    const code = words(
      'import signal, sys, time',
      'def end(*_): open("saved", "w").write("state"); sys.exit(0)',
      'signal.signal(signal.SIGTERM, end)',
      'print("ready", flush=True); time.sleep(60)',
    );
    const { run, folder } = startPython(code, { output: { bytes: 100, onOutput: () => run.stop() }, graceMs: 30_000 });
    expect(await run.ended).toMatchObject({ ending: 'stopped', reason: 'It was stopped.' });
    expect(readFileSync(join(folder, 'saved'), 'utf8')).toBe('state');
  });

  test.each(['namespaces', 'limits'])('ends with the service, isolation %s', async (isolation) => {
    const word = randomUUID();
    const code = 'import time; print("running", flush=True); time.sleep(60)';
    const parent = startCompiled('test/support/confining-parent.ts', [isolation, python, '-c', code, word]);
    await parent.says(/running/);
    expect(processesWith(word).length).toBeGreaterThan(1);

    await parent.kill();

    await until(() => processesWith(word).length === 0);
  });

  test('without namespaces runs only if it is trusted, and its outcome says so', async () => {
    const limits = { isolation: 'limits', processes: 3 } as const;
    expect(() => startPython('pass', { limits })).toThrow(WeakIsolation);
    const word = randomUUID();
    const code = words(
      'import subprocess, os',
      `subprocess.Popen(["/bin/sh", "-c", "sleep 60; : ${word}"])`,
      'open("result", "w").write(os.getcwd())',
    );
    const outcome = await runPython(code, { limits, isTrusted: true });
    expect(outcome).toMatchObject({ ending: 'succeeded', isolation: 'limits' });
    expect(readFileSync(join(outcome.folder, 'result'), 'utf8')).toBe(outcome.folder);
    expect(processesWith(word)).toEqual([]);
  });
});
