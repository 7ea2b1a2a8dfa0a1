import type { ChildProcess } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { MemoryQuota } from '../../http/body/memory-quota.ts';
import { Problem, serviceBusy } from '../../http/problem.ts';
import { maxModelProcesses, type Confinement } from '../../sandbox/confinement.ts';
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

/** The model of a child process. */
export interface ChildModel {
  readonly path: string;
  /** Expected SHA-256 of the model; undefined to accept any. */
  readonly sha256: string | undefined;
  /** Time limit for starting the process and loading the model, in milliseconds. */
  readonly loadLimitMs?: number;
  /** Limits of the process, if the model is not trusted. */
  readonly confinement?: Confinement | undefined;
  /** Measures the memory of the process. */
  readonly watch?: WatchedGroup | undefined;
}

interface Settle<T> {
  resolve(value: T): void;
  reject(cause: unknown): void;
}

/** Half of the start limit in the systemd unit. The largest models load within this time, otherwise something hangs. */
const usualLoadLimitMs = 60_000;
/** How long a child may take to exit when asked. */
const endLimitMs = 1_000;
/** Quota for messages being received from all children: beyond it, messages are discarded as they arrive. */
const coming = new MemoryQuota({ clientBytes: maxChildBytes, allBytes: 4 * maxChildBytes });

/** A child process with one model. Runs one request at a time and can be killed during a run. */
export class ModelProcess implements WatchedProcess {
  /** Resolves with the model's description once it is loaded. */
  readonly ready: Promise<LoadedMetadata>;
  /** Resolves with the signal or exit code when the process exits. */
  readonly ended: Promise<string>;
  state: 'starting' | 'idle' | 'busy' | 'ended' = 'starting';
  rssBytes = 0;
  /** Private memory of the process and its descendants when last measured, in bytes. */
  ownBytes = 0;
  /** Set if it was stopped for exceeding its memory or process limit. */
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
    // The child has another working directory, so the path must be absolute.
    const path = resolve(model.path);
    // The child needs the folder, because external data lies beside the model file.
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

  /** Whether it was stopped because a run reached its deadline. */
  get wasLate(): boolean {
    return this.#isLate;
  }

  /**
   * Runs the model once; call only while `state` is `idle`.
   * @throws {Problem} 422 `invalid_model_output`, 503 if there is no memory for the response
   * @throws {LostRun}
   */
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
      this.exhaust(`its process used ${bytes} bytes of memory; the limit is ${this.#memoryBytes}`);
    else if (pids.length > maxModelProcesses)
      this.exhaust(`it started ${pids.length} processes; the limit is ${maxModelProcesses}`);
  }

  /** Kills the process and its descendants at once. The caller of a run gets `ExhaustedRun`. */
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

  /** Asks the process to exit; kills it after a second. */
  async end(): Promise<void> {
    this.#pipe.close();
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), endLimitMs);
    await this.ended;
    clearTimeout(limit);
  }

  #take(message: ChildMessage): void {
    if (this.state === 'ended') return;
    // A message out of turn could be taken for the response to another client's run.
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

  /** Kills a process that sent an invalid message. Nothing else from it is read. */
  #distrust(): void {
    this.state = 'ended';
    this.#pipe.close();
    this.#child.kill('SIGKILL');
  }

  /** The response was discarded, because there was no memory for it. */
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

  /** Only killing the process stops a run. */
  #stop(): void {
    this.#isLate = true;
    this.state = 'ended';
    this.#child.kill('SIGKILL');
    this.#settle()?.reject(new LostRun('timeout', 'the run was stopped at its deadline'));
  }

  #onEnd(how: string): void {
    this.state = 'ended';
    clearTimeout(this.#loadLimit);
    this.#starting?.reject(new Error(`the model process exited: ${how}`));
    this.#settle()?.reject(new LostRun('crashed', `the model process exited: ${how}`));
  }

  #send(message: ParentMessage): void {
    this.#pipe.send(message);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It exited together with the first process.
  }
}
