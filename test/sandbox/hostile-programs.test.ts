import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { launch, sendFilter } from '../../mlapi/sandbox/confinement.ts';
import { deleteScratchFolder, readScratchFile } from '../../mlapi/sandbox/scratch/scratch-files.ts';
import { describeConfined, processesWith, python, runPython } from '../support/confined-programs.ts';
import { temporaryFolder } from '../support/service.ts';

const words = (...lines: readonly string[]) => lines.join('\n');
/** Prints one JSON list: for each attempt, the error it met, or null. */
const attempts = (prelude: string, list: readonly string[]) =>
  words(
    'import json, os, socket, ctypes, fcntl, struct',
    prelude,
    'def meets(attempt):',
    '  try: attempt()',
    '  except BaseException as error: return type(error).__name__',
    `print(json.dumps([meets(attempt) for attempt in [${list.map((each) => `lambda: ${each}`).join(', ')}]]))`,
  );

describeConfined('a hostile program', () => {
  test('writes nothing outside its scratch folder', async () => {
    const readable = temporaryFolder();
    writeFileSync(join(readable, 'input'), 'input');
    const beside = join(temporaryFolder(), 'beside');
    const code = attempts(
      'root = os.path.dirname(os.getcwd())',
      [
        ...[
          '/x',
          '/tmp/x',
          '/usr/x',
          '/usr/bin/python3',
          '/etc/x',
          '/dev/x',
          '/dev/shm/x',
          '/proc/sys/kernel/hostname',
        ],
        ...[beside, join(readable, 'input'), join(readable, 'new')],
      ]
        .map((path) => `open(${JSON.stringify(path)}, "w").write("x")`)
        .concat('open(root + "/x", "w")', 'os.mkdir("/x")', 'os.symlink("x", "/x")', 'os.rename(".", "../x")')
        .concat(`os.link(${JSON.stringify(join(readable, 'input'))}, "linked")`, 'os.mknod("device", 0o20666, 259)')
        .concat('os.nice(-5)', 'open("inside", "w").write("x")'),
    );
    const { text, folder } = await runPython(code, { files: [readable] });
    const met = JSON.parse(text) as (string | null)[];
    expect(met.slice(0, -1)).not.toContain(null);
    expect(met.at(-1)).toBeNull();
    expect(readdirSync(folder)).toEqual(['inside']);
    expect(readdirSync(readable)).toEqual(['input']);
    expect(readFileSync(join(readable, 'input'), 'utf8')).toBe('input');
    expect(existsSync(beside)).toBe(false);
  });

  test('reads no data of the service, no file of the machine, and no environment of another process', async () => {
    const secret = randomUUID();
    const data = join(temporaryFolder(), 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'mlapi.sqlite'), secret);
    process.env.MLAPI_TEST_SECRET = secret;
    const code = words(
      'import glob, os',
      `for path in ["${data}/mlapi.sqlite", "/etc/passwd", "/etc/shadow", "${process.cwd()}/package.json"] + glob.glob("/proc/*/environ") + glob.glob("/proc/*/root${data}/*"):`,
      '  try: print(path, open(path).read())',
      '  except OSError as error: print(path, type(error).__name__)',
      'print(sorted(pid for pid in os.listdir("/proc") if pid.isdigit()))',
    );
    const { text, ending } = await runPython(code);
    delete process.env.MLAPI_TEST_SECRET;
    expect(ending).toBe('succeeded');
    expect(text).not.toContain(secret);
    for (const path of ['/etc/passwd', '/etc/shadow', `${data}/mlapi.sqlite`, `${process.cwd()}/package.json`])
      expect(text).toContain(`${path} FileNotFoundError`);
    expect(text).toContain("['1', '2']");
  });

  test('connects to nothing: not to this machine, the network, or sockets of other programs', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const name = `mlapi-${randomUUID()}`;
    const abstract = createServer().listen(`\0${name}`);
    await Promise.all([once(server, 'listening'), once(abstract, 'listening')]);
    let connections = 0;
    for (const each of [server, abstract]) each.on('connection', () => (connections += 1));
    const { port } = server.address() as AddressInfo;
    const code = attempts('', [
      `socket.create_connection(("127.0.0.1", ${port}), 2)`,
      'socket.create_connection(("192.0.2.1", 80), 2)',
      'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))',
      `socket.socket(socket.AF_UNIX).connect("\\0${name}")`,
      'socket.getaddrinfo("example.com", 80)',
    ]);
    const { text } = await runPython(code);
    expect(JSON.parse(text)).not.toContain(null);
    expect(connections).toBe(0);
    server.close();
    abstract.close();
  });
});

describeConfined('the limits of a hostile program', () => {
  test('a program that may have one process cannot start another', async () => {
    const { text } = await runPython(attempts('', ['os.fork()', 'os.posix_spawn("/bin/sh", ["sh"], {})']));
    expect(JSON.parse(text)).toEqual(['PermissionError', 'PermissionError']);
  });

  test('a program that starts too many processes is killed with all of them', async () => {
    const word = randomUUID();
    // Bounded, because the kernel does not limit the processes of root.
    const code = words(
      `word = "${word}"`,
      'import os, time',
      'for _ in range(100):',
      '  if os.fork() == 0: time.sleep(60)',
      'time.sleep(60)',
    );
    expect(await runPython(code, { limits: { processes: 4 } })).toMatchObject({
      ...{ ending: 'processes', reason: 'It started more than 4 processes.', signal: 'SIGKILL' },
    });
    expect(processesWith(word)).toEqual([]);
  });

  test('the kernel allows 128 processes for each permitted one, unless the service runs as root', async () => {
    const code = words(
      'import os, time',
      'started = 0',
      'try:',
      '  while started < 1_000:',
      '    if os.fork() == 0: time.sleep(60)',
      '    started += 1',
      'except BlockingIOError: pass',
      'print(started)',
    );
    const program = { command: [python, '-c', code] };
    const { execPath, execArgv, filter } = launch(program, {
      ...{ isolation: 'namespaces', memoryBytes: 2 ** 29, processes: 2 },
    });
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const stdio = ['ignore', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    const child = spawn(execPath, execArgv, { ...user, cwd: '/', env: {}, stdio: [...stdio] });
    sendFilter(child, filter);
    // The program's own process and bubblewrap's count, too.
    const started = Number(await readText(child.stdout!));
    expect(started).toBeGreaterThan(200);
    expect(started).toBeLessThan(257);
  });

  test('one process that exceeds the memory limit is killed', async () => {
    const code = 'kept = []\nwhile True: kept.append(bytearray(10_000_000))';
    expect(await runPython(code)).toMatchObject({ ending: 'memory', reason: 'It ran out of memory.' });
  });

  test('several processes that exceed the memory limit only together are killed', async () => {
    const limits = { processes: 60, memoryBytes: 300_000_000 };
    const code = words(
      'import os, time',
      'for _ in range(8):',
      '  if os.fork() == 0: break',
      'kept = bytearray(b"x" * 60_000_000)',
      'time.sleep(60)',
    );
    expect(await runPython(code, { limits })).toMatchObject({
      ...{ ending: 'memory', reason: 'It used more than 300000000 bytes of memory.' },
    });
  });

  test('a program is ended at its CPU time limit', async () => {
    const { seconds, ...outcome } = await runPython('while True: pass', { limits: { cpuSeconds: 1 } });
    expect(outcome).toMatchObject({ ending: 'cpu', reason: 'It used up its CPU time.', signal: 'SIGXCPU' });
    expect(seconds).toBeLessThan(40);
  });

  test('a program that ignores signals is killed at its CPU time limit', async () => {
    const code = 'import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass';
    expect(await runPython(code, { limits: { cpuSeconds: 1 } })).toMatchObject({ ending: 'failed', signal: 'SIGKILL' });
  });

  test('a program that ignores signals is killed at its time limit', async () => {
    const code = 'import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)';
    expect(await runPython(code, { timeoutMs: 500, graceMs: 100 })).toMatchObject({
      ...{ ending: 'time', reason: 'It ran longer than its limit of 0.5 s.', signal: 'SIGKILL' },
    });
  });

  test('a flood of output is stopped, and this process stays responsive meanwhile', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    let delivered = 0;
    const code = 'import os\nwhile True: os.write(1, b"x" * 65536)';
    const outcome = await runPython(code, {
      output: { bytes: 1_000, onOutput: ({ length }) => (delivered += length) },
    });
    delay.disable();
    expect(outcome).toMatchObject({ ending: 'output', reason: 'It wrote far too much output.' });
    expect([delivered, outcome.output.tail.length]).toEqual([1_000, 8_192]);
    expect(delay.percentile(99) / 1e6).toBeLessThan(500);
  });
});

describeConfined('the disk use of a hostile program', () => {
  const endless = (body: string) => words('import os', 'n = 0', 'while True:', '  n += 1', `  ${body}`);

  test.each([
    [
      'files that are each small enough',
      'open(f"f{n}", "wb").write(bytes(1_000_000))',
      'It wrote more than 20000000 bytes of files.',
    ],
    ['empty files', 'open(f"f{n}", "w")', 'It made more than 100 files.'],
    ['links', 'os.symlink("x", f"l{n}")', 'It made more than 100 files.'],
    ['nested folders', 'os.mkdir("d"); os.chdir("d")', 'It nested folders more than 32 deep.'],
  ])('is limited: %s', async (_, body, reason) => {
    const scratch = reason.includes('nested') ? { bytes: 2e9, files: 1e9 } : {};
    const { folder, ...outcome } = await runPython(endless(body), { scratch });
    expect(outcome).toMatchObject({ ending: 'scratch', reason });
    await deleteScratchFolder(folder);
  });

  test('one file cannot exceed the limit for all files, with or without content', async () => {
    const code = 'open("f", "wb").truncate(20_000_513)';
    expect(await runPython(code)).toMatchObject({
      ...{ ending: 'scratch', reason: 'It wrote a file that is larger than its limit.' },
    });
    expect(await runPython(code.replace('513', '000'))).toMatchObject({ ending: 'succeeded' });
  });

  test('deleted files that it keeps open count, which only the free disk space shows', async () => {
    const { bavail, bsize } = statfsSync('/tmp');
    const body = 'file = open("f", "wb"); os.unlink("f"); file.write(bytes(5_000_000)); kept.append(file)';
    const code = endless(body).replace('n = 0', 'kept = []; n = 0');
    const outcome = await runPython(code, { scratch: { reserveBytes: bavail * bsize - 100_000_000 } });
    expect(outcome).toMatchObject({ ending: 'scratch', reason: 'The disk is nearly full.' });
  });

  test('space that is reserved but not written counts', async () => {
    const code = attempts(
      words(
        'libc = ctypes.CDLL(None, use_errno=True)',
        'file = os.open("f", os.O_CREAT | os.O_RDWR)',
        'def reserve():',
        '  if libc.fallocate(file, 1, ctypes.c_long(0), ctypes.c_long(10**9)): raise OSError(ctypes.get_errno(), "")',
        'space = struct.pack("hhqqiI4i", 0, 0, 0, 10**9, 0, 0, 0, 0, 0, 0)',
      ),
      [
        'reserve()',
        ...['0x40305828', '0x4030582a', '0x40305839'].map((request) => `fcntl.ioctl(file, ${request}, space)`),
      ],
    ).replace('type(error).__name__', 'error.errno');
    const { text } = await runPython(`${code}\nprint(os.stat("f").st_blocks)`);
    // EOPNOTSUPP
    expect(text).toBe('[95, 95, 95, 95]\n0\n');
  });

  test('files written just before its end count too', async () => {
    const code = 'import os\nfor n in range(101): open(f"f{n}", "w")\nos._exit(0)';
    expect(await runPython(code)).toMatchObject({ ending: 'scratch', exitCode: 0 });
  });
});

describeConfined('after a hostile program', () => {
  test('no process is left', async () => {
    const word = randomUUID();
    const code = words(
      'import os, sys, time',
      `word = "${word}"`,
      'if os.fork() == 0:',
      '  os.setpgid(0, 0)',
      '  for descriptor in range(10):',
      '    try: os.close(descriptor)',
      '    except OSError: pass',
      '  while True: open("alive", "w").write(str(time.time()))',
      'while not os.path.exists("alive"): time.sleep(0.01)',
    );
    const { ending } = await runPython(code, { limits: { processes: 2 } });
    expect(ending).toBe('succeeded');
    expect(processesWith(word)).toEqual([]);
  });

  test('links in place of results are refused', async () => {
    const code = words(
      'import os',
      'os.symlink("/etc/passwd", "result"); os.symlink("/etc", "folder"); os.mkfifo("fifo")',
      'os.mkdir("closed"); open("closed/file", "w"); os.chmod("closed", 0)',
    );
    const { folder, ending } = await runPython(code);
    expect(ending).toBe('succeeded');
    for (const path of ['result', 'folder/passwd'])
      await expect(readScratchFile(folder, path, 100_000)).rejects.toMatchObject({ code: 'link' });
    await expect(readScratchFile(folder, 'fifo', 100_000)).rejects.toMatchObject({ code: 'not_a_file' });
    await deleteScratchFolder(folder);
    expect([existsSync(folder), existsSync('/etc/passwd')]).toEqual([false, true]);
  });
});
