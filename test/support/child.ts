import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { compiledPath, projectRoot } from './compiled.ts';
import { databaseOf } from './postgres.ts';
import { temporaryFolder } from './service.ts';

const tsx = createRequire(join(projectRoot, 'package.json')).resolve('tsx');

/** Default variables of the child processes of tests, which do not inherit the environment of the tests. */
export const childVariables: Readonly<Record<string, string>> = {
  NODE_ENV: 'test',
  MLAPI_HOST: '127.0.0.1',
  MLAPI_PORT: '0',
  MLAPI_MODELS_DIR: join(projectRoot, 'resources/models'),
  MLAPI_KEY_BITS: '2048',
  MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
};

/** Executes the next program such that the kernel kills it with its parent (Linux): a killed test run has no exit handlers. */
const endWithParent =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : [];

interface StartOptions {
  /** An empty value removes a variable. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Node options. */
  readonly nodeOptions?: readonly string[];
  /** Opens an IPC channel for messages. */
  readonly hasChannel?: boolean;
  /** A program that changes the environment, then executes the process. */
  readonly prefix?: readonly string[];
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process started by a test: its output and exit. It never outlives the tests. */
export class TestProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
  stdout = '';
  stderr = '';

  constructor(
    args: readonly string[],
    { variables = {}, cwd = temporaryFolder(), nodeOptions = [], hasChannel = false, prefix = [] }: StartOptions = {},
  ) {
    const { PATH = '', HOME = '' } = process.env;
    const dataDir = variables.MLAPI_DATA_DIR;
    const database = dataDir === undefined ? {} : databaseOf(dataDir);
    const env = { PATH, HOME, ...childVariables, ...database, ...variables };
    const [program, ...words] = [...endWithParent, ...prefix, process.execPath, ...nodeOptions, ...args] as [
      string,
      ...string[],
    ];
    const stdio = ['pipe', 'pipe', 'pipe', hasChannel ? 'ipc' : 'ignore'] as const;
    const child = spawn(program, words, { cwd, env, stdio: [...stdio] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    child.stdin?.on('error', () => undefined);
    this.child = child;
    // A process left behind by a failed test must not keep Jest running; it is killed when Jest ends.
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) (handle as ChildProcess).unref();
    child.channel?.unref();
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => {
        process.off('exit', kill);
        resolve({ code, signal });
      }),
    );
  }

  /** Waits for a match in the whole standard output. @throws if the process ends before */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      const heard = new Promise<void>((resolve) => this.child.stdout?.once('data', () => resolve()));
      const end = await Promise.race([heard, this.ended]);
      if (end !== undefined && !pattern.test(this.stdout))
        throw new Error(`it ended with ${JSON.stringify(end)} before it said ${pattern}: ${this.stderr}`);
    }
  }

  /** Sends a signal, SIGKILL by default, and waits for the exit. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<End> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Starts a TypeScript file of the project, compiled as shipped, as a process. */
export function startCompiled(path: string, words: readonly string[] = [], options?: StartOptions): TestProcess {
  return new TestProcess([compiledPath(path), ...words], options);
}

/** Starts a TypeScript file from source, in any folder. */
export function startScript(path: string, words: readonly string[] = [], options?: StartOptions): TestProcess {
  return new TestProcess(['--import', tsx, resolve(projectRoot, path), ...words], options);
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the command line to its end. */
export async function mlapi(
  dataDir: string,
  words: readonly string[],
  { input = '', ...options }: StartOptions & { input?: string | Uint8Array } = {},
): Promise<Outcome> {
  const variables = { MLAPI_DATA_DIR: dataDir, ...options.variables };
  const command = startCompiled('mlapi/cli/main.ts', words, { ...options, variables });
  command.child.stdin?.end(input);
  const { code } = await command.ended;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

/** Starts the service as a process, and waits until it listens. */
export async function serve(
  dataDir: string,
  { variables = {}, ...options }: StartOptions = {},
): Promise<{ service: TestProcess; url: string }> {
  const service = startCompiled('mlapi/cli/serve.ts', [], {
    ...options,
    variables: { MLAPI_DATA_DIR: dataDir, ...variables },
  });
  const [, url = ''] = await service.says(/"address":"(http[^"]+)"/);
  return { service, url };
}
