import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { writeModelFolders } from '../../../support/model-folders.ts';
import { processTree } from '../../../support/process-tree.ts';
import { slowFolder } from '../../../support/slow-model.ts';
import { modelFolder, post, type Question } from '../cases.ts';
import type { Pace } from '../compare.ts';
import { processFigures } from '../load/processes.ts';
import type { LoadFigures, LoadRequest } from '../load/types.ts';
import { Generator, type Measurement, type Server } from '../measure.ts';
import { startService, type MeasuredService } from '../servers.ts';

export const runSeconds = 0.2;
export const timeoutMs = 1_000;
export const callers = 64;
/** Refused callers wait this long: `Retry-After` is at least as much. */
export const callersPeriodMs = 1_000;
/** The other requests. */
export const moderate = { connections: 20, periodMs: 50 };
/** The saturating load starts earlier and ends later than the others by this much. */
const marginSeconds = 1;
/** Runs until its deadline stops it. */
const endless: Question = { body: '[[6000]]', predictions: [6_000] };
const liveness: LoadRequest = { text: 'GET /api/liveness HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', predictions: null };

/** The figures of two kinds of requests at the same time. */
interface Beside {
  readonly predictions: Measurement;
  readonly liveness: Measurement;
}

/** A service with a slow and a fast model. Nothing is pinned: its processes and the load share all cores. */
export class SaturatedService {
  readonly #service: MeasuredService;
  readonly #generator: Generator;
  readonly #slow: Question;

  private constructor(service: MeasuredService, generator: Generator, slow: Question) {
    this.#service = service;
    this.#generator = generator;
    this.#slow = slow;
  }

  static async start(home: string): Promise<SaturatedService> {
    const side = await findSide();
    const modelsDir = writeModelFolders({ slow: slowFolder({ name: 'slow', batching: { maxRows: 1 } }, side) });
    cpSync(modelFolder, join(modelsDir, basename(modelFolder)), { recursive: true });
    const variables = { MLAPI_MODELS_DIR: modelsDir, MLAPI_PREDICT_TIMEOUT_MS: String(timeoutMs) };
    const service = await startService({ home, prefix: [], variables });
    return new SaturatedService(service, new Generator(home, []), { body: `[[${side}]]`, predictions: [side] });
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** Runs at full speed, so that the code is compiled before it is measured. */
  async warmUp({ warmUpSeconds }: Pace): Promise<void> {
    for (const server of this.#servers())
      await this.#generator.measure(server, { rows: 1, connections: 32 }, { warmUpSeconds, seconds: warmUpSeconds });
  }

  async measure(pace: Pace): Promise<Beside> {
    const { connections, periodMs } = moderate;
    const how = { seconds: pace.seconds, warmUpSeconds: pace.warmUpSeconds, periodMs };
    const [predictions, alive] = await Promise.all(
      this.#servers().map((server) => this.#generator.measure(server, { rows: 1, connections }, how)),
    );
    return { predictions: predictions!, liveness: alive! };
  }

  /** The same while the slow model gets more requests than it can handle. */
  async measureSaturated(pace: Pace): Promise<Beside & { slow: LoadFigures }> {
    const saturating = this.#generator.run({
      port: this.#service.port,
      connections: callers,
      requests: Array.from({ length: callers }, (_, index) => {
        const { tokens } = this.#service;
        const question = index === 0 ? endless : this.#slow;
        return post('/api/models/slow/predict', question, tokens[index % tokens.length]);
      }),
      periodMs: callersPeriodMs,
      refusals: [503, 504],
      // Shorter than the first deadline.
      warmUpSeconds: marginSeconds / 2,
      seconds: marginSeconds + pace.warmUpSeconds + pace.seconds + marginSeconds,
      pids: [],
    });
    await delay(marginSeconds * 1_000);
    const [beside, slow] = await Promise.all([this.measure(pace), saturating]);
    if (slow.mistakes.length > 0) throw new Error(`slow: ${slow.mistakes.join('; ')}`);
    return { ...beside, slow };
  }

  /** Memory of all processes, once stopped ones have been replaced. */
  async settledMib(): Promise<number> {
    await delay(marginSeconds * 1_000);
    const pids = processTree(this.#service.pids.supervisor!);
    return pids.reduce((sum, pid) => sum + processFigures(pid).rssMib, 0);
  }

  /** Predictions and liveness. Only the worker is tracked, since children come and go. */
  #servers(): [Server, Server] {
    const { supervisor, serving } = this.#service.pids;
    const server: Server = { ...this.#service, pids: { supervisor: supervisor!, serving: serving.slice(0, 1) } };
    return [server, { ...server, requests: () => [liveness] }];
  }
}

/** The matrix size for runs of that duration on this machine: it grows with the third power. */
async function findSide(): Promise<number> {
  const probe = 1_000;
  const session = await InferenceSession.create(slowFolder().onnx!, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  let shortest = Infinity;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const began = performance.now();
    await session.run({ x: new Tensor('float32', Float32Array.of(probe), [1, 1]) });
    shortest = Math.min(shortest, (performance.now() - began) / 1_000);
  }
  await session.release();
  return Math.round(probe * Math.cbrt(runSeconds / shortest));
}
