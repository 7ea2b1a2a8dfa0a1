import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../support/child.ts';

/** The service as it is shipped: compiled, in production, its log in a file. */
export class BuiltService {
  readonly #root: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  #child: ChildProcess | undefined;
  port = 0;

  constructor(root: string, workers: number) {
    this.#root = root;
    this.logFile = join(root, 'log');
    const { PATH = '' } = process.env;
    this.#environment = {
      PATH,
      NODE_ENV: 'production',
      MLAPI_HOST: '127.0.0.1',
      MLAPI_PORT: '0',
      MLAPI_WORKERS: String(workers),
      MLAPI_DATA_DIR: join(root, 'data'),
      MLAPI_MODELS_DIR: join(projectRoot, 'resources/models'),
      MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
    };
    const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(root, 'build')], {
      cwd: projectRoot,
    });
    cpSync(join(projectRoot, 'package.json'), join(root, 'package.json'));
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    mkdirSync(join(root, 'data'), { mode: 0o700 });
  }

  /** One command of the command line. @returns what it printed */
  command(...words: string[]): string {
    return execFileSync(process.execPath, ['build/mlapi/cli/main.js', ...words], {
      cwd: this.#root,
      env: this.#environment,
      encoding: 'utf8',
    });
  }

  /** @returns once it listens */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a', 0o600);
    const child = spawn(process.execPath, ['build/application.js'], {
      cwd: this.#root,
      env: this.#environment,
      stdio: ['ignore', log, log],
    });
    this.#child = child;
    process.once('exit', () => child.kill('SIGKILL'));
    for (let attempt = 0; this.port === 0; attempt += 1) {
      const log = readFileSync(this.logFile, 'utf8');
      if (child.exitCode !== null || attempt > 600) throw new Error(`the service does not start: ${log}`);
      this.port = Number(/"address":"http:\/\/[^"]+:(\d+)"/.exec(log)?.[1] ?? 0);
      await delay(50);
    }
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
