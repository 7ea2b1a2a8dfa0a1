import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { compiledPath, projectRoot } from './compiled.ts';
import { databaseOf } from './postgres.ts';
import { temporaryFolder } from './service.ts';

const tsx = createRequire(join(projectRoot, 'package.json')).resolve('tsx');

/** What the child processes of tests run with, unless a test says otherwise. The environment of the tests is not passed on. */
export const childVariables: Readonly<Record<string, string>> = {
  NODE_ENV: 'test',
  MLAPI_HOST: '127.0.0.1',
  MLAPI_PORT: '0',
  MLAPI_MODELS_DIR: join(projectRoot, 'resources/models'),
  MLAPI_KEY_BITS: '2048',
  MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
};

/** Where the tests themselves are killed, no exit handler runs: the kernel ends the process (Linux). It becomes the next program. */
const endWithParent =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0 ? ['setpriv', '--pdeathsig', 'KILL'] : [];

interface StartOptions {
  /** An empty value takes a variable away. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[];
  /** Whether messages can be sent to it. */
  readonly hasChannel?: boolean;
  /** A program that becomes the process, after it has changed something around it. */
  readonly prefix?: readonly string[];
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that a test started: what it has said, and how it ended. It never outlives the tests. */
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
    // A process that a failed test left behind must not keep the tests from ending: their end is its own.
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

  /** The next match in its standard output, from the beginning. @throws if it ends before */
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

  /** Sends a signal, SIGKILL unless another is named, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<End> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** A TypeScript file of the project, compiled as it is shipped, as a process of its own. */
export function startCompiled(path: string, words: readonly string[] = [], options?: StartOptions): TestProcess {
  return new TestProcess([compiledPath(path), ...words], options);
}

/** The same from source, wherever it lies. */
export function startScript(path: string, words: readonly string[] = [], options?: StartOptions): TestProcess {
  return new TestProcess(['--import', tsx, resolve(projectRoot, path), ...words], options);
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command of the command line, to its end. */
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

/** The service in a process of its own, once it listens. */
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
