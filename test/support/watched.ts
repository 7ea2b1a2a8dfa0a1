import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { childVariables, startCompiled, type TestProcess } from './child.ts';
import { wayVariables } from './listener.ts';
import { databaseOf } from './postgres.ts';
import { prepareFolder } from './prepared-folder.ts';
import { FakeClock, startService, temporaryFolder, type TestService } from './service.ts';

/** The health of a process. */
export interface Health {
  readonly pid: number;
  /** The longest time for which its event loop was blocked since the last call. */
  readonly longestDelayMs: number;
  /**
   * Heap and external memory after a garbage collection. Not resident memory, which depends on when the C library gives memory back;
   * the soak test watches that over time.
   */
  readonly heldMiB: number;
  /** Open files, sockets among them. */
  readonly descriptors: number;
}

export interface WatchedService {
  readonly process: TestProcess;
  readonly port: number;
  /** A second application on the same database, in this process, to add clients, forge tokens and read tables. */
  readonly inside: TestService;
  health(): Promise<Health>;
  /** The log so far. @throws {SyntaxError} if a line is not JSON */
  lines(): Record<string, unknown>[];
  close(): Promise<void>;
}

/** Starts the service as a process, in real time, that reports its health. */
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
      // Read from this process, since the service may be out of descriptors.
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
