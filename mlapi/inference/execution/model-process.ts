import type { ChildProcess } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { MemoryQuota } from '../../http/body/memory-quota.ts';
import { Problem, serviceBusy } from '../../http/problem.ts';
import { maxProcesses, type Confinement } from '../../sandbox/confinement.ts';
import { moduleUrl } from '../../sandbox/programs.ts';
import type { WatchedGroup, WatchedProcess } from '../../sandbox/memory-watch.ts';
import { MessagePipe } from '../../sandbox/message-pipe.ts';
import type { TreeMemory } from '../../sandbox/process-memory.ts';
import { startProgram } from '../../sandbox/start-program.ts';
import { ExhaustedRun, LostRun } from '../faults.ts';
import type { RunInput } from '../tensors/types.ts';
import {
  decodeChildMessage,
  maxChildBytes,
  type ChildMessage,
  type LoadedMetadata,
  type ParentMessage,
  type WantedOutputs,
} from './child-messages.ts';
import type { RunResult } from './executor.ts';

/** Which model a child process computes with. */
export interface ChildModel {
  readonly path: string;
  /** Expected SHA-256 of the model; undefined if the process reports it. */
  readonly sha256: string | undefined;
  /** How long a process may take to start and to load it. */
  readonly loadLimitMs?: number;
  /** Limits of the process, for an uploaded model. */
  readonly confinement?: Confinement | undefined;
  /** Looks at what the process takes, and tells it. */
  readonly watch?: WatchedGroup | undefined;
}

interface Settle<T> {
  resolve(value: T): void;
  reject(cause: unknown): void;
}

/** Half of what the systemd unit gives a start: also the largest files are read and prepared by then, or something hangs. */
const usualLoadLimitMs = 60_000;
/** How long a child that was asked to end may take. */
const endLimitMs = 1_000;
/** Quota for messages that all children are sending: beyond it, messages are discarded as they arrive. */
const coming = new MemoryQuota({ clientBytes: maxChildBytes, allBytes: 4 * maxChildBytes });

/** One child process with one model; it computes one run at a time, and can be killed in the middle of it. */
export class ModelProcess implements WatchedProcess {
  /** Description of the model, once it is loaded. */
  readonly ready: Promise<LoadedMetadata>;
  /** How it ended. */
  readonly ended: Promise<string>;
  state: 'starting' | 'idle' | 'busy' | 'ended' = 'starting';
  rssBytes = 0;
  /** Private memory of the process and its descendants when last measured. */
  ownBytes = 0;
  /** Why it was ended, if that was because of its memory or its processes. */
  exhausted: string | undefined;
  readonly #watch: WatchedGroup | undefined;
  readonly #memoryBytes: number;
  #hasWorked = true;
  #tree: readonly number[] = [];
  readonly #child: ChildProcess;
  readonly #pipe: MessagePipe;
  #starting: Settle<LoadedMetadata> | undefined;
  #running: Settle<RunResult> | undefined;
  #beganMs = 0;
  #deadline: NodeJS.Timeout | undefined;
  #isLate = false;
  readonly #loadLimit: NodeJS.Timeout;

  constructor({ loadLimitMs = usualLoadLimitMs, confinement, watch, sha256, ...model }: ChildModel) {
    // The child has another working directory.
    const path = resolve(model.path);
    // External data lies beside the file.
    const files = [dirname(path)];
    const { child, pipe } = startProgram(moduleUrl('./model-child', import.meta.url), {
      confinement,
      files,
      env: { ORT_DISABLE_TELEMETRY: '1' },
    });
    this.#child = child;
    const name = String(child.pid);
    this.#pipe = new MessagePipe(pipe, {
      maxBytes: maxChildBytes,
      memory: { take: (bytes) => coming.take(name, bytes), give: (bytes) => coming.give(name, bytes) },
      decode: decodeChildMessage,
      onMessage: (message) => this.#take(message as ChildMessage),
      onDropped: () => this.#drop(),
      onFault: () => this.#distrust(),
    });
    this.ready = new Promise((resolve, reject) => (this.#starting = { resolve, reject }));
    this.ready.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.#watch = watch;
    this.#memoryBytes = confinement?.memoryBytes ?? Infinity;
    void this.ended.then((how) => {
      watch?.delete(this);
      this.#onEnd(how);
    });
    watch?.add(this);
    this.#loadLimit = setTimeout(() => this.#giveUp(loadLimitMs), loadLimitMs);
    this.#send({ type: 'load', path, sha256 });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it ended because a run was at its deadline. */
  get wasLate(): boolean {
    return this.#isLate;
  }

  /** @throws {Problem} 422 @throws {LostRun} */
  run(input: RunInput, wanted: WantedOutputs, deadlineMs: number): Promise<RunResult> {
    this.state = 'busy';
    this.#hasWorked = true;
    return new Promise((resolve, reject) => {
      this.#running = { resolve, reject };
      this.#beganMs = performance.now();
      const leftMs = Math.max(1, deadlineMs - this.#beganMs);
      if (leftMs < Infinity) this.#deadline = setTimeout(() => this.#stop(), leftMs);
      this.#send({ type: 'run', ...wanted, input });
    });
  }

  wasActive(): boolean {
    const hasWorked = this.#hasWorked;
    this.#hasWorked = this.state !== 'idle';
    return hasWorked;
  }

  measured({ bytes, pids }: TreeMemory): void {
    this.ownBytes = bytes;
    this.#tree = pids;
    if (bytes > this.#memoryBytes)
      this.exhaust(`its process took ${bytes} bytes of memory, and may have ${this.#memoryBytes}`);
    else if (pids.length > maxProcesses) this.exhaust(`it had ${pids.length} processes, and may have ${maxProcesses}`);
  }

  /** Ends it at once, with all that it started. Its caller is told that there was no memory. */
  exhaust(reason: string): void {
    if (this.state === 'ended') return;
    this.exhausted = reason;
    this.#watch?.exhausted(reason);
    this.state = 'ended';
    this.#child.kill('SIGKILL');
    for (const pid of this.#tree) if (pid !== this.pid) kill(pid);
    this.#starting?.reject(new ExhaustedRun(reason));
    this.#settle()?.reject(new ExhaustedRun(reason));
  }

  /** Asks it to end, and sees to it. */
  async end(): Promise<void> {
    this.#pipe.close();
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), endLimitMs);
    await this.ended;
    clearTimeout(limit);
  }

  #take(message: ChildMessage): void {
    if (this.state === 'ended') return;
    // Said out of turn, it would be taken for the answer to what another client asks next.
    if (this.state !== (message.type === 'ready' || message.type === 'unusable' ? 'starting' : 'busy')) {
      this.#distrust();
      return;
    }
    if ('rssBytes' in message) this.rssBytes = message.rssBytes;
    if (message.type === 'unusable') {
      this.#starting?.reject(new Error(message.reason));
      this.#child.kill('SIGKILL');
      return;
    }
    this.state = 'idle';
    if (message.type === 'ready') {
      clearTimeout(this.#loadLimit);
      this.#starting?.resolve(message.metadata);
    }
    if (message.type === 'answered') {
      const seconds = (performance.now() - this.#beganMs) / 1_000;
      this.#settle()?.resolve({ output: message.output, seconds });
    }
    if (message.type === 'refused') {
      const { message: text, cause } = message;
      this.#settle()?.reject(new Problem(422, 'invalid_model_output', text, { cause: new Error(cause) }));
    }
  }

  /** It says what none of our programs does: nothing more is heard of it, and nothing asked. */
  #distrust(): void {
    this.state = 'ended';
    this.#pipe.close();
    this.#child.kill('SIGKILL');
  }

  /** Its answer came at a time when there was no memory for it. */
  #drop(): void {
    if (this.state !== 'busy') return;
    this.state = 'idle';
    this.#settle()?.reject(serviceBusy());
  }

  /** Callers must not wait forever, so the pool treats its exit as a crash. */
  #giveUp(loadLimitMs: number): void {
    this.#starting?.reject(new Error(`the model was not loaded within ${loadLimitMs / 1_000} s`));
    this.#child.kill('SIGKILL');
  }

  #settle(): Settle<RunResult> | undefined {
    clearTimeout(this.#deadline);
    const running = this.#running;
    this.#running = undefined;
    return running;
  }

  /** Nothing else stops a run. */
  #stop(): void {
    this.#isLate = true;
    this.state = 'ended';
    this.#child.kill('SIGKILL');
    this.#settle()?.reject(new LostRun('timeout', 'the run was stopped at its deadline'));
  }

  #onEnd(how: string): void {
    this.state = 'ended';
    clearTimeout(this.#loadLimit);
    this.#starting?.reject(new Error(`the model's process ended: ${how}`));
    this.#settle()?.reject(new LostRun('crashed', `the model's process ended: ${how}`));
  }

  #send(message: ParentMessage): void {
    this.#pipe.send(message);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with the first one.
  }
}
