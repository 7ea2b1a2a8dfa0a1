import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { compileProject, projectRoot } from './compiled.ts';

interface BuiltOptions {
  /** A folder compiled by `compileProject`; by default the service compiles into its own. */
  readonly home?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Node options. */
  readonly nodeOptions?: readonly string[];
  /** A program that executes the service, such as taskset. */
  readonly prefix?: readonly string[];
}

/** The service as shipped: compiled, in production mode, its log in a file. */
export class BuiltService {
  readonly #home: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #command: readonly string[];
  readonly logFile: string;
  #child: ChildProcess | undefined;
  port = 0;

  /** @param root the folder for its data and log */
  constructor(root: string, { home, variables, nodeOptions = [], prefix = [] }: BuiltOptions = {}) {
    this.#home = home ?? compileProject(root);
    this.#command = [...prefix, process.execPath, ...nodeOptions];
    this.logFile = join(root, 'log');
    const { PATH = '' } = process.env;
    this.#environment = {
      PATH,
      NODE_ENV: 'production',
      MLAPI_HOST: '127.0.0.1',
      MLAPI_PORT: '0',
      MLAPI_DATA_DIR: join(root, 'data'),
      MLAPI_MODELS_DIR: join(projectRoot, 'resources/models'),
      MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
      MLAPI_ISSUER: 'http://127.0.0.1:8080',
      ...variables,
    };
    mkdirSync(join(root, 'data'), { mode: 0o700 });
  }

  /** Runs a command of the command line. @returns its output */
  command(...words: string[]): string {
    return execFileSync(process.execPath, ['build/mlapi/cli/main.js', ...words], {
      cwd: this.#home,
      env: this.#environment,
      encoding: 'utf8',
    });
  }

  /** Resolves once it listens and is ready. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a', 0o600);
    const [program, ...words] = [...this.#command, 'build/mlapi/cli/serve.js'];
    const child = spawn(program, words, { cwd: this.#home, env: this.#environment, stdio: ['ignore', log, log] });
    this.#child = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('close', () => process.off('exit', kill));
    for (let attempt = 0; !(await this.#listens()); attempt += 1) {
      if (child.exitCode !== null || attempt > 3_000)
        throw new Error(`the service does not start: ${readFileSync(this.logFile, 'utf8')}`);
      await delay(10);
    }
  }

  /** The port is read from the log; a service that logs less than that needs a fixed one. */
  async #listens(): Promise<boolean> {
    const given = Number(this.#environment.MLAPI_PORT);
    if (given === 0) {
      const log = readFileSync(this.logFile, 'utf8');
      this.port = Number(/"address":"http:\/\/[^"]+:(\d+)"/.exec(log)?.[1] ?? 0);
      return this.port !== 0;
    }
    this.port = given;
    const readiness = await fetch(`http://127.0.0.1:${given}/api/readiness`).catch(() => undefined);
    return readiness?.status === 200;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** @returns the exit code */
  async stop(): Promise<number | null> {
    const child = this.#child!;
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    return ended;
  }
}
