import type { CounterStore, CounterName, Counters } from '../http/limits/counters.ts';
import { serviceBusy } from '../http/problem.ts';
import type { CounterLeases, LeaseHolder } from './counter-leases.ts';
import { LeasedCounters } from './leased-counters.ts';
import type { CountResponse, CountQuestion, Grant, WorkerMessage } from './messages.ts';

const responseLimitMs = 2_000;

type Question = Omit<CountQuestion, 'id'>;

interface Asked {
  readonly question: Question;
  resolve(count: Grant): void;
  reject(error: Error): void;
}

/**
 * A worker's view of the counters that the supervisor keeps. Questions of one event-loop turn are sent in one message. Rejects with 503 if
 * the supervisor does not answer within two seconds.
 */
export class SupervisorCounterStore implements CounterStore {
  readonly #tell: (message: WorkerMessage) => boolean;
  /** Counters of requests per client, with leases. */
  #leased: LeasedCounters | undefined;
  readonly #pending = new Map<number, Asked>();
  #next: Asked[] = [];
  #lastId = 0;

  /** @param tell sends a message to the supervisor; returns false if it is gone */
  constructor(tell: (message: WorkerMessage) => boolean) {
    this.#tell = tell;
  }

  counter(name: CounterName, limit?: number): Counters {
    if (limit !== undefined) {
      this.#leased = new LeasedCounters({
        ask: (key, resolve, reject) =>
          this.#enqueue({ question: { name, key, isCounted: true, limit }, resolve, reject }),
        report: (uses) => this.#tell({ type: 'counted', uses }),
      });
      return this.#leased;
    }
    return {
      increment: (key) => this.#ask({ name, key, isCounted: true }),
      read: (key) => this.#ask({ name, key, isCounted: false }),
    };
  }

  /** Handles answers of the supervisor. */
  answer(answers: readonly CountResponse[]): void {
    for (const { id, ...grant } of answers) {
      this.#pending.get(id)?.resolve(grant);
      this.#pending.delete(id);
    }
  }

  /** Returns a lease to the supervisor. */
  giveBack(key: string): void {
    this.#tell({ type: 'returned', key, unused: this.#leased?.giveBack(key) ?? 0 });
  }

  #ask(question: Question): Promise<Grant> {
    return new Promise((resolve, reject) => this.#enqueue({ question, resolve, reject }));
  }

  #enqueue(asked: Asked): void {
    if (this.#next.length === 0) setImmediate(() => this.#send());
    this.#next.push(asked);
  }

  #send(): void {
    const questions = this.#next.map((asked): CountQuestion => {
      this.#lastId += 1;
      this.#pending.set(this.#lastId, asked);
      return { ...asked.question, id: this.#lastId };
    });
    this.#next = [];
    const ids = questions.map(({ id }) => id);
    if (this.#tell({ type: 'count', questions })) setTimeout(() => this.#giveUp(ids), responseLimitMs).unref();
    else this.#giveUp(ids);
  }

  #giveUp(ids: readonly number[]): void {
    for (const id of ids) {
      this.#pending.get(id)?.reject(serviceBusy());
      this.#pending.delete(id);
    }
  }
}

/**
 * The supervisor's side: answers questions in order. Answers that are known at once are sent together, before any other message to the
 * worker; the rest follow.
 */
export function countAll(
  home: CounterStore,
  { leases, holder }: { leases: CounterLeases; holder: LeaseHolder },
  questions: readonly CountQuestion[],
  answer: (answers: readonly CountResponse[]) => void,
): void {
  const answers: CountResponse[] = [];
  for (const { id, name, key, isCounted, limit } of questions) {
    const counters = home.counter(name);
    const count =
      limit !== undefined ? leases.take(holder, key, limit) : isCounted ? counters.increment(key) : counters.read(key);
    if (count instanceof Promise) void count.then((late) => answer([{ granted: 0, ...late, id }]));
    else answers.push({ granted: 0, ...count, id });
  }
  answer(answers);
}
