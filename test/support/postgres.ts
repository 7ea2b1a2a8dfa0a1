import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** URL of a server on which tests may create databases. If it is set, the services of all tests use PostgreSQL. */
export const testPostgresVariable = 'TEST_POSTGRES_URL';

const programs = findPrograms();

/** Whether tests can start a PostgreSQL of their own; warns if not. */
export function hasPostgres(testName: string): boolean {
  if (programs !== undefined) return true;
  console.warn(`SKIPPED: ${testName}: there is no PostgreSQL (apt-get install postgresql)`);
  return false;
}

/** A PostgreSQL server with its own folder and port. It refuses to run as root, so root's tests run it as another user. */
export class TestPostgres {
  readonly #folder: string;
  readonly #user: { uid?: number; gid?: number };
  readonly #password = randomBytes(12).toString('hex');
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, user: { uid?: number; gid?: number }, port: number) {
    this.#folder = folder;
    this.#user = user;
    this.port = port;
  }

  static async start(settings: readonly string[] = []): Promise<TestPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'mlapi-postgres-'));
    const user = ordinaryUser();
    const server = new TestPostgres(folder, user, await freePort());
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, server.#password);
    if (user.uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid ?? 0);
    const words = ['-D', server.dataFolder, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile];
    execFileSync(join(programs ?? '', 'initdb'), [...words, '-E', 'UTF8', '--locale=C', '--no-sync'], {
      ...user,
      stdio: 'pipe',
    });
    await server.run(settings);
    return server;
  }

  get dataFolder(): string {
    return join(this.#folder, 'data');
  }

  get socketFolder(): string {
    return this.#folder;
  }

  url(database = 'postgres', port = this.port): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${port}/${database}`;
  }

  /** Starts or restarts it. @param settings lines of `postgresql.conf` */
  async run(settings: readonly string[] = []): Promise<void> {
    const fixed = [`port=${this.port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${this.#folder}`];
    const words = [...fixed, 'fsync=off', 'max_connections=200', ...settings].flatMap((setting) => ['-c', setting]);
    for (let attempt = 0; ; attempt += 1) {
      const child = spawn(join(programs ?? '', 'postgres'), ['-D', this.dataFolder, ...words], {
        ...this.#user,
        stdio: 'ignore',
      });
      child.unref();
      this.#process = child;
      while (child.exitCode === null && !(await this.#answers())) await delay(50);
      if (child.exitCode === null) return;
      // After a kill its children may keep its shared memory for a moment.
      if (attempt > 20) throw new Error('PostgreSQL does not start');
      await delay(250);
    }
  }

  /** SIGINT ends its sessions and stops it; SIGKILL crashes it. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const child = this.#process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // The caller waits for its exit from here on.
    child.ref();
    await ended;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async query(text: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  /** @returns the URL of a new, empty database */
  async newDatabase(): Promise<string> {
    const name = `mlapi_${randomBytes(6).toString('hex')}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  #answers(): Promise<boolean> {
    return this.query('select 1').then(
      () => true,
      () => false,
    );
  }
}

const made = new Set<string>();

/**
 * If the tests run on PostgreSQL, the database for a data directory, created on first use; otherwise nothing. It uses psql and not the
 * driver, because children are started from synchronous functions.
 */
export function databaseOf(dataDir: string): Record<string, string> {
  const server = process.env[testPostgresVariable];
  if (server === undefined || server === '') return {};
  const name = `mlapi_${createHash('sha256').update(dataDir).digest('hex').slice(0, 20)}`;
  if (!made.has(name)) {
    const isThere = psql(server, `select 1 from pg_database where datname = '${name}'`) !== '';
    if (!isThere) psql(server, `create database ${name}`);
    made.add(name);
  }
  const url = new URL(server);
  url.pathname = name;
  return { MLAPI_DATABASE_URL: url.href };
}

function psql(url: string, command: string): string {
  return execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', command], { encoding: 'utf8' });
}

/** The folder of `initdb` and `postgres`, which Debian keeps out of the PATH. */
function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))));
}

function ordinaryUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres', 'nobody'].flatMap((name) => users.filter((user) => user.startsWith(`${name}:`)))[0];
  const [, , uid, gid] = (line ?? '').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
