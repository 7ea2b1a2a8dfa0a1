import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { mlapi, startCompiled, type TestProcess } from '../../support/child.ts';
import { processTree } from '../../support/process-tree.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';

const unshared = ['unshare', '--map-root-user', '--mount'];
const canMount = spawnSync(unshared[0]!, [...unshared.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
const canLimit = spawnSync('prlimit', ['--version']).status === 0;
if (!canMount) console.warn('no mounts in namespaces of their own: full and read-only disks are not tested.');
if (!canLimit) console.warn('prlimit is not installed: exhausted descriptors and file sizes are not tested.');
const describeDisk = canMount ? describe : describe.skip;
const describeLimits = canLimit ? describe : describe.skip;

/** A data directory, not in use, with a client's tokens for each test. */
const seed = temporaryFolder();
let tokens: Tokens[];
beforeAll(async () => {
  await mlapi(seed, ['clients', 'add', 'caller']);
  const issue = async () => JSON.parse((await mlapi(seed, ['tokens', 'issue', 'caller'])).stdout) as Tokens;
  tokens = await Promise.all([issue(), issue(), issue(), issue()]);
}, 120_000);

/** A service whose data are on a separate disk, which disappears with it. */
class DiskService {
  readonly service: TestProcess;
  readonly dataDir = temporaryFolder();
  url = '';

  constructor(options: string, then = ':') {
    const script = `mount -t tmpfs -o ${options} tmpfs "$0" && cp -p ${seed}/mlapi.db "$0" && ${then} && exec "$@"`;
    const variables = {
      MLAPI_DATA_DIR: this.dataDir,
      MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000',
    };
    this.service = startCompiled('mlapi/cli/serve.ts', [], {
      prefix: [...unshared, 'sh', '-c', script, this.dataDir],
      variables,
    });
  }

  async start(): Promise<this> {
    this.url = (await this.service.says(/"address":"(http[^"]+)"/))[1] ?? '';
    return this;
  }

  /** A file, in the service's mount namespace. */
  path(name: string): string {
    return `/proc/${this.service.child.pid}/root${this.dataDir}/${name}`;
  }

  /** Fills the disk. */
  fill(): void {
    const file = openSync(this.path('filler'), 'w');
    try {
      for (;;) writeSync(file, Buffer.alloc(4_096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    } finally {
      closeSync(file);
    }
  }
}

async function refresh(url: string, token: string): Promise<{ status: number; headers: Headers; tokens: Tokens }> {
  const answer = await fetch(`${url}/auth/refresh`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, headers: answer.headers, tokens: (await answer.json()) as Tokens };
}

async function session(url: string, { access_token: token }: Tokens): Promise<number> {
  return (await fetch(`${url}/auth/session`, { headers: { authorization: `Bearer ${token}` } })).status;
}

/** Refreshes until storage fails. @returns the newest tokens, and the response */
async function refreshUntilRefused(url: string, first: Tokens) {
  let newest = first;
  for (let turn = 0; turn < 2_000; turn += 1) {
    const answer = await refresh(url, newest.refresh_token);
    if (answer.status !== 200) return { newest, refusal: answer };
    newest = answer.tokens;
  }
  throw new Error('it never failed');
}

describeDisk('a disk', () => {
  test('full: writes are 503 with Retry-After, reads and verification keep working, nothing is lost, and writes recover', async () => {
    const disk = await new DiskService('size=2m,mode=700').start();
    disk.fill();
    const { newest, refusal } = await refreshUntilRefused(disk.url, tokens[0]!);
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get('retry-after')).toBe('1');
    expect(await session(disk.url, newest)).toBe(200);
    expect((await fetch(`${disk.url}/api/liveness`)).status).toBe(200);
    rmSync(disk.path('filler'));
    const after = await refresh(disk.url, newest.refresh_token);
    expect(after.status).toBe(200);
    expect((await refresh(disk.url, newest.refresh_token)).status).toBe(401);
    expect(await session(disk.url, after.tokens)).toBe(401);
    const copy = `${temporaryFolder()}/mlapi.db`;
    for (const suffix of ['', '-wal']) writeFileSync(copy + suffix, readFileSync(disk.path(`mlapi.db${suffix}`)));
    expect(new Libsql(copy).prepare('pragma integrity_check').all([])).toEqual([{ integrity_check: 'ok' }]);
    expect(await disk.service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('out of inodes: a running service keeps working', async () => {
    const disk = await new DiskService('size=2m,nr_inodes=12,mode=700').start();
    let made = 0;
    const make = () => {
      for (; ; made += 1) writeFileSync(disk.path(`empty-${made}`), '');
    };
    expect(make).toThrow(/ENOSPC/);
    expect((await refresh(disk.url, tokens[1]!.refresh_token)).status).toBe(200);
    expect(await disk.service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test.each([
    ['without an inode for the log beside the database', 'nr_inodes=2', ':'],
    ['read-only', 'size=2m', 'mount -o remount,ro "$0"'],
  ])('%s at the start: one message, exit 1', async (_what, options, then) => {
    const { service } = new DiskService(`${options},mode=700`, then);
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^mlapi: .*mlapi\.db.*\n$/);
  });
});

describeLimits('limits of the process', () => {
  async function start(): Promise<{ service: TestProcess; url: string; limit: (option: string) => void }> {
    const dataDir = temporaryFolder();
    execFileSync('cp', ['-p', `${seed}/mlapi.db`, dataDir]);
    const variables = { MLAPI_DATA_DIR: dataDir, MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000' };
    const service = startCompiled('mlapi/cli/serve.ts', [], { variables });
    const [, url = ''] = await service.says(/"address":"(http[^"]+)"/);
    const limit = (option: string) => {
      for (const pid of processTree(service.child.pid!)) execFileSync('prlimit', ['--pid', String(pid), option]);
    };
    return { service, url, limit };
  }

  test('file size: 503, reads keep working, and it recovers by itself', async () => {
    const { service, url, limit } = await start();
    limit('--fsize=100000:unlimited');
    const { newest, refusal } = await refreshUntilRefused(url, tokens[2]!);
    expect(refusal.status).toBe(503);
    expect(await session(url, newest)).toBe(200);
    limit('--fsize=unlimited:unlimited');
    expect((await refresh(url, newest.refresh_token)).status).toBe(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('descriptors (EMFILE): open connections are served, and new ones once some have closed', async () => {
    const { service, url, limit } = await start();
    expect((await fetch(`${url}/api/liveness`)).status).toBe(200);
    limit('--nofile=64:4096');
    const { hostname, port } = new URL(url);
    const idle = await Promise.all(
      Array.from(
        { length: 100 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(Number(port), hostname, () => resolve(socket));
            socket.on('error', () => resolve(socket));
          }),
      ),
    );
    for (const socket of idle) socket.destroy();
    while ((await fetch(`${url}/api/liveness`).catch(() => undefined))?.status !== 200);
    const { status, tokens: newer } = await refresh(url, tokens[3]!.refresh_token);
    expect(status).toBe(200);
    expect(await session(url, newer)).toBe(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
