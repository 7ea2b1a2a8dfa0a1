import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { CapturedOutput, type OutputLimits } from './captured-output.ts';
import { statusDescriptor, type Confinement } from './confinement.ts';
import { hurrySession, lowerSession } from './expendable.ts';
import { MemoryWatch, type WatchedProcess } from './memory-watch.ts';
import { readEnd, type End, type Limit, type Outcome } from './outcome.ts';
import { readTreeMemory, type TreeMemory } from './process-memory.ts';
import { findExcess, ScratchWatch } from './scratch/scratch-watch.ts';
import { startProgram } from './start-program.ts';

export interface ProgramOptions {
  readonly confinement: Confinement;
  /** Files and folders that it may read, besides the system's programs in `/usr`; absolute paths. */
  readonly files?: readonly string[];
  /** All variables that it gets. Default: none. */
  readonly env?: NodeJS.ProcessEnv;
  /** Wall-clock limit, in milliseconds. */
  readonly timeoutMs: number;
  /** Time between SIGTERM and SIGKILL, in milliseconds. Default: 1000. */
  readonly graceMs?: number;
  readonly output: OutputLimits;
  /** Whether it may run without namespaces: only if it is as trusted as the service. Default: no. */
  readonly isTrusted?: boolean;
}

/** The program is not trusted, and this machine offers no namespaces. */
export class WeakIsolation extends Error {}

const usualGraceMs = 1_000;
/** The kernel ends all processes of a namespace within milliseconds, but thousands of a fork bomb take seconds on a busy machine. */
const lastEndMs = 60_000;
/** Time for reading what is left of the output. Without namespaces, a process that left its group could hold it open. */
const lastOutputMs = 5_000;
const pollMs = 2;
/** The shell becomes bubblewrap, which starts the first process of the namespaces, which starts the program. */
const outerProcesses = 2;

/**
 * A confined run of a program that is not part of this service, such as a Python script.
 * @example
 * const run = new ProgramRun(['/usr/bin/python3', '-I', script], {
 *   confinement: { isolation, memoryBytes: 2 ** 30, cpuSeconds: 60, scratch: { folder, bytes: 1e8, files: 1000 } },
 *   files: [script],
 *   timeoutMs: 120_000,
 *   output: { bytes: 1e6, onOutput: (chunk) => log.append(chunk) },
 * });
 * const { ending, reason } = await run.ended; // 'memory', 'It ran out of memory.'
 */
export class ProgramRun implements WatchedProcess {
  /** Resolves when all its processes are gone; without namespaces, those that it has hidden excepted. */
  readonly ended: Promise<Outcome>;
  /** Socket pair at the program's descriptor 3. Closed by the caller, who bounds what is read from it (`MessagePipe`). */
  readonly pipe: Duplex;
  ownBytes = 0;
  readonly #options: ProgramOptions;
  readonly #child: ChildProcess;
  readonly #output: CapturedOutput;
  readonly #memory = new MemoryWatch();
  readonly #scratch: ScratchWatch | undefined;
  readonly #status: Promise<string>;
  readonly #timeout: NodeJS.Timeout;
  readonly #beganMs = performance.now();
  #kill: NodeJS.Timeout | undefined;
  #end: Pick<End, 'ending' | 'reason'> | undefined;
  #isSessionLowered = false;
  /** The program's own process when last measured. */
  #first: number | undefined;

  /**
   * @param command absolute path of the program, and its arguments
   * @throws {WeakIsolation}
   * @throws {Error} a limit that cannot be enforced, or a scratch folder that is missing
   */
  constructor(command: readonly string[], options: ProgramOptions) {
    const { confinement, files = [], env = {}, timeoutMs, output, isTrusted = false } = options;
    if (confinement.isolation === 'limits' && !isTrusted)
      throw new WeakIsolation('programs that are not trusted need namespaces: install bubblewrap and allow it');
    this.#options = options;
    const { child, pipe } = startProgram(command, { confinement, files, env });
    this.#child = child;
    this.pipe = pipe;
    // If the program closes its end, its exit is reported elsewhere.
    pipe.on('error', () => undefined);
    this.#output = new CapturedOutput(output, () => this.#exceed('output', 'It wrote far too much output.'));
    this.#output.read(child.stdout!, 'stdout');
    this.#output.read(child.stderr!, 'stderr');
    const status = (child.stdio as readonly unknown[])[statusDescriptor] as Readable | undefined;
    this.#status = status ? text(status).catch(() => '') : Promise.resolve('');
    this.#memory.add(this);
    const { scratch } = confinement;
    if (scratch !== undefined) this.#scratch = new ScratchWatch(scratch, (reason) => this.#exceed('scratch', reason));
    this.#timeout = setTimeout(
      () => this.#terminate('time', `It ran longer than its limit of ${timeoutMs / 1_000} s.`),
      timeoutMs,
    );
    this.ended = this.#finish();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends SIGTERM to the program, and SIGKILL after its grace period. */
  stop(): void {
    this.#terminate('stopped', 'It was stopped.');
  }

  wasActive(): boolean {
    return true;
  }

  measured({ bytes, pids }: TreeMemory): void {
    const { memoryBytes, processes = 1 } = this.#options.confinement;
    const own = this.#own(pids);
    this.ownBytes = bytes;
    this.#first = own[0];
    if (!this.#isSessionLowered && own[0] !== undefined) this.#isSessionLowered = !lowerSession(own[0]);
    if (bytes > memoryBytes) this.exhaust(`It used more than ${memoryBytes} bytes of memory.`);
    else if (own.length > processes) this.#exceed('processes', `It started more than ${processes} processes.`);
  }

  exhaust(reason: string): void {
    this.#exceed('memory', reason);
  }

  #exceed(limit: Limit, reason: string): void {
    this.#end ??= { ending: limit, reason };
    this.#killAll();
  }

  #terminate(ending: 'time' | 'stopped', reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { ending, reason };
    for (const pid of this.#own(readTreeMemory(this.pid)?.pids ?? [])) send(pid, 'SIGTERM');
    this.#kill = setTimeout(() => this.#killAll(), this.#options.graceMs ?? usualGraceMs);
  }

  /** The processes of the program, without those of bubblewrap. */
  #own(pids: readonly number[]): readonly number[] {
    return this.#isNamespaced ? pids.slice(outerProcesses) : pids;
  }

  get #isNamespaced(): boolean {
    return this.#options.confinement.isolation === 'namespaces';
  }

  /** In namespaces, all end with the first. Without, those of its group and those that can be found end. */
  #killAll(): void {
    const pids = this.#isNamespaced ? [] : (readTreeMemory(this.pid)?.pids ?? []);
    this.#child.kill('SIGKILL');
    if (this.#first !== undefined) hurrySession(this.#first);
    if (this.#isNamespaced) return;
    for (const pid of [-this.pid, ...pids]) if (pid !== 0) send(pid, 'SIGKILL');
  }

  async #finish(): Promise<Outcome> {
    const [code, signal, fault] = await new Promise<[number | null, NodeJS.Signals | null, Error?]>((resolve) => {
      this.#child.once('error', (error) => resolve([null, null, error]));
      this.#child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
    });
    clearTimeout(this.#timeout);
    clearTimeout(this.#kill);
    this.#memory.delete(this);
    this.#scratch?.stop();
    if (fault === undefined) await this.#awaitAll();
    const { scratch, isolation } = this.#options.confinement;
    const excess = scratch === undefined ? undefined : await findExcess(scratch);
    if (excess !== undefined) this.#end ??= { ending: 'scratch', reason: excess };
    const output = this.#output.summary;
    const end =
      fault === undefined
        ? readEnd(code, signal, output.tail)
        : { exitCode: undefined, signal: undefined, ending: 'failed' as const, reason: 'It could not be started.' };
    return { ...end, ...this.#end, seconds: (performance.now() - this.#beganMs) / 1_000, output, isolation };
  }

  /** Waits until its processes are gone and its output is read. */
  async #awaitAll(): Promise<void> {
    const { stdout, stderr } = this.#child;
    const closed = Promise.all([stdout, stderr].map((stream) => closeOf(stream!)));
    if (this.#isNamespaced) {
      const first = Number(/"child-pid": (\d+)/.exec(await this.#status)?.[1] ?? 0);
      for (const endMs = performance.now() + lastEndMs; isThere(first) && performance.now() < endMs;)
        await delay(pollMs);
    } else this.#killAll();
    await Promise.race([closed, delay(lastOutputMs, undefined, { ref: false })]);
    stdout?.destroy();
    stderr?.destroy();
  }
}

function closeOf(stream: Readable): Promise<void> {
  return new Promise((resolve) => (stream.closed ? resolve() : stream.once('close', () => resolve())));
}

/** A process that nobody has waited for yet has ended, too. */
function isThere(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
