import type { CounterHome, CounterName, Counters, WindowCount } from '../http/counters.ts';
import { serviceBusy } from '../http/problem.ts';
import type { CountQuestion, WorkerMessage } from './messages.ts';

const answerLimitMs = 2_000;

interface Asked {
  readonly question: CountQuestion;
  resolve(count: WindowCount): void;
  reject(error: Error): void;
}

/**
 * The counters that the supervisor keeps for all its workers, as one of them sees them: what one turn of the event loop asks goes
 * over in one message. No answer within two seconds is a refusal: 503.
 */
export class SupervisorCounterHome implements CounterHome {
  readonly #tell: (message: WorkerMessage) => boolean;
  readonly #unanswered = new Map<number, readonly Asked[]>();
  #next: Asked[] = [];
  #lastId = 0;

  /** @param tell says something to the supervisor, and whether there is one */
  constructor(tell: (message: WorkerMessage) => boolean) {
    this.#tell = tell;
  }

  of(name: CounterName): Counters {
    return {
      increment: (key) => this.#ask({ name, key, isCounted: true }),
      read: (key) => this.#ask({ name, key, isCounted: false }),
    };
  }

  /** Takes the supervisor's answers, one for each question. */
  answer(id: number, counts: readonly WindowCount[]): void {
    const asked = this.#unanswered.get(id) ?? [];
    this.#unanswered.delete(id);
    for (const [index, question] of asked.entries()) {
      const count = counts[index];
      if (count === undefined) question.reject(serviceBusy());
      else question.resolve(count);
    }
  }

  #ask(question: CountQuestion): Promise<WindowCount> {
    if (this.#next.length === 0) setImmediate(() => this.#send());
    return new Promise((resolve, reject) => this.#next.push({ question, resolve, reject }));
  }

  #send(): void {
    const asked = this.#next;
    this.#next = [];
    this.#lastId += 1;
    const id = this.#lastId;
    this.#unanswered.set(id, asked);
    const isTold = this.#tell({ type: 'count', id, questions: asked.map(({ question }) => question) });
    if (isTold) setTimeout(() => this.answer(id, []), answerLimitMs).unref();
    else this.answer(id, []);
  }
}

/** The supervisor's side: counts, in the order of the questions. */
export function countAll(home: CounterHome, questions: readonly CountQuestion[]): Promise<WindowCount[]> {
  return Promise.all(
    questions.map(({ name, key, isCounted }) => (isCounted ? home.of(name).increment(key) : home.of(name).read(key))),
  );
}
