import type { Database } from '../persistence/database.ts';
import { recordAudit, type AuditDetails, type AuditEvent } from './audit-trail.ts';

const windowMs = 60_000;
/** Past them nothing more is written in this minute: there are never so many clients at once. */
const maxNoted = 10_000;

interface AuditNoticesOptions {
  readonly database: Database;
  readonly clock: () => number;
  /** Milliseconds that only go forward. */
  readonly monotonicClock: () => number;
}

/** Records what a client can cause at will: once a minute for each client, event and kind of it, in each process. So no refusal costs a row. */
export class AuditNotices {
  readonly #options: AuditNoticesOptions;
  readonly #noted = new Set<string>();
  #windowStart = -Infinity;

  constructor(options: AuditNoticesOptions) {
    this.#options = options;
  }

  /**
   * @param kind of the event, of few: each has a row of its own
   * @returns a promise where a row is written, and nothing where there is one
   */
  note(event: AuditEvent, details: AuditDetails & { readonly clientId: string }, kind = ''): Promise<void> | undefined {
    const { database, clock, monotonicClock } = this.#options;
    const now = monotonicClock();
    if (now >= this.#windowStart + windowMs) {
      this.#noted.clear();
      this.#windowStart = now;
    }
    const key = `${event} ${kind} ${details.clientId}`;
    if (this.#noted.has(key) || this.#noted.size >= maxNoted) return undefined;
    // At once: where the database is slow, the next refusal does not wait for it, too.
    this.#noted.add(key);
    return recordAudit(database, clock(), event, details);
  }
}
