import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { childVariables, startCompiled, type TestProcess } from './child.ts';
import { wayVariables } from './listener.ts';
import { databaseOf } from './postgres.ts';
import { prepareFolder } from './prepared-folder.ts';
import { FakeClock, startService, temporaryFolder, type TestService } from './service.ts';

/** How a process is. */
export interface Health {
  readonly pid: number;
  /** The longest time for which it kept its event loop from going on since it was asked last. */
  readonly longestDelayMs: number;
  /**
   * What it holds after a collection: the heap and what hangs on it. Resident memory is the C library's to give back, which it does
   * by rules of each version; the soak watches that over time.
   */
  readonly heldMiB: number;
  /** Open files, sockets among them. */
  readonly descriptors: number;
}

export interface WatchedService {
  readonly process: TestProcess;
  readonly port: number;
  /** A second application on the same database, in this process: it adds clients, forges tokens and reads tables. */
  readonly inside: TestService;
  health(): Promise<Health>;
  /** The log so far. @throws {SyntaxError} if a line is no JSON */
  lines(): Record<string, unknown>[];
  close(): Promise<void>;
}

/** The service in a process of its own that can be asked how it is, in real time. */
export async function startWatched(variables: Readonly<Record<string, string>> = {}): Promise<WatchedService> {
  const dataDir = temporaryFolder();
  const today = new Date().setUTCHours(0, 0, 0, 0);
  await prepareFolder(dataDir, childVariables, { ...databaseOf(dataDir), ...variables }, today);
  const limits = { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000', MLAPI_RATE_LIMIT_PER_MINUTE: '1000000' };
  const watched = startCompiled('test/support/watched-child.ts', [], {
    variables: { MLAPI_DATA_DIR: dataDir, ...wayVariables, ...limits, ...variables },
    nodeOptions: ['--expose-gc'],
    hasChannel: true,
  });
  const [, port = ''] = await watched.says(/"address":"http:\/\/127\.0\.0\.1:(\d+)"/);
  const clock = new FakeClock();
  clock.now = Date.now();
  const inside = await startService(variables, { dataDir, clock });
  const { pid = 0 } = watched.child;
  return {
    process: watched,
    port: Number(port),
    inside,
    health: async () => {
      watched.child.send('how are you?');
      const [said] = (await once(watched.child, 'message')) as [Pick<Health, 'longestDelayMs' | 'heldMiB'>];
      // Read from here: where descriptors are short, it could not read them itself.
      const descriptors = readdirSync(`/proc/${pid}/fd`).length;
      return { pid, ...said, descriptors };
    },
    lines: () =>
      watched.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    close: async () => {
      await inside.close();
      await watched.kill('SIGTERM');
    },
  };
}
