import { constants } from 'node:os';
import type { OutputSummary } from './captured-output.ts';
import type { Isolation } from './confinement.ts';

/**
 * How a program ended. The limits that ended it are named: `time` (wall clock), `cpu`, `memory`, `processes`, `scratch` (bytes or files on
 * disk), `output`. `stopped`: by the caller. `failed`: by itself, with an exit code other than 0 or by a signal.
 */
export type Ending = 'succeeded' | 'failed' | 'stopped' | Limit;

export type Limit = 'time' | 'cpu' | 'memory' | 'processes' | 'scratch' | 'output';

/** The result of a confined program. */
export interface Outcome {
  readonly ending: Ending;
  /** One sentence for the owner of the program. */
  readonly reason: string;
  /** Undefined if it was ended by a signal or never started. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Wall-clock time, in seconds. */
  readonly seconds: number;
  readonly output: OutputSummary;
  /** With `limits`, it could reach whatever the service's user can. */
  readonly isolation: Isolation;
}

export type End = Pick<Outcome, 'ending' | 'reason' | 'exitCode' | 'signal'>;

/** Exit codes above it stand for signals: those of shells and of bubblewrap. */
const signalBase = 128;
/** Signals of the kernel, for limits that it enforces. */
const limitSignals: Partial<Record<NodeJS.Signals, [Limit, string]>> = {
  SIGXCPU: ['cpu', 'It used up its CPU time.'],
  SIGXFSZ: ['scratch', 'It wrote a file that is larger than its limit.'],
};
/** Last words of runtimes that end by themselves because the kernel refuses them memory or room. */
const lastWords: readonly [RegExp, Limit, string][] = [
  [/MemoryError|std::bad_alloc|[Cc]annot allocate (?:memory|vector)/, 'memory', 'It ran out of memory.'],
  [/File too large/, 'scratch', 'It wrote a file that is larger than its limit.'],
];
const lastWordsBytes = 1_000;

/**
 * Says why a program ended that nobody stopped. Exit codes and output are the program's own: it can pretend to have met a limit.
 * @param tail its last output
 */
export function readEnd(code: number | null, signal: NodeJS.Signals | null, tail: Buffer): End {
  const by = signal ?? signalOf(code);
  const ended = { exitCode: by === undefined ? (code ?? undefined) : undefined, signal: by };
  if (code === 0) return { ...ended, ending: 'succeeded', reason: 'It succeeded.' };
  const limit = by === undefined ? undefined : limitSignals[by];
  if (limit !== undefined) return { ...ended, ending: limit[0], reason: limit[1] };
  const text = tail.subarray(-lastWordsBytes).toString('latin1');
  const said = lastWords.find(([words]) => words.test(text));
  if (said !== undefined) return { ...ended, ending: said[1], reason: said[2] };
  return { ...ended, ending: 'failed', reason: explain(ended) };
}

function explain({ exitCode, signal }: Pick<End, 'exitCode' | 'signal'>): string {
  if (signal === 'SIGKILL') return 'It was killed; the machine may have run out of memory.';
  return signal === undefined ? `It failed with exit code ${exitCode}.` : `It was ended by ${signal}.`;
}

function signalOf(code: number | null): NodeJS.Signals | undefined {
  const number = (code ?? 0) - signalBase;
  return (Object.keys(constants.signals) as NodeJS.Signals[]).find((name) => constants.signals[name] === number);
}
