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

interface NoticeOptions {
  /** Kind of the event, from a small set: each kind has a row of its own. */
  readonly kind?: string;
  /** Whether the database is asked once a minute, whatever comes of it. Otherwise the next refusal tries again. */
  readonly mayBeLost?: boolean;
}

/** Records what a client can cause at will: once a minute for each client, event and kind of it, in each process. So no refusal costs a row. */
export class AuditNotices {
  readonly #options: AuditNoticesOptions;
  readonly #noted = new Set<string>();
  #windowStart = -Infinity;

  constructor(options: AuditNoticesOptions) {
    this.#options = options;
  }

  /** @returns a promise where a row is written, and nothing where there is one */
  note(
    event: AuditEvent,
    details: AuditDetails & { readonly clientId: string },
    { kind = '', mayBeLost = false }: NoticeOptions = {},
  ): Promise<void> | undefined {
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
    const recorded = recordAudit(database, clock(), event, details);
    if (mayBeLost) return recorded;
    return recorded.catch((cause: unknown) => {
      this.#noted.delete(key);
      throw cause;
    });
  }
}
