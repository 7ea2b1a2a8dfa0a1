import type { Database } from '../persistence/database.ts';
import { recordAudit, type AuditDetails, type AuditEvent } from './audit-trail.ts';

const windowMs = 60_000;
/** Most notices per minute: there are never that many clients. */
const maxNoted = 10_000;

interface AuditNoticesOptions {
  readonly database: Database;
  readonly clock: () => number;
  /** Monotonic, in milliseconds. */
  readonly monotonicClock: () => number;
}

interface NoticeOptions {
  /** Kind of the event from a small set; each kind is recorded separately. */
  readonly kind?: string;
  /** Whether a failed write is not repeated in this minute. Otherwise the next rejection tries again. */
  readonly mayBeLost?: boolean;
}

/**
 * Audits events that a client can cause at will: once a minute per client, event and kind, in each process, so that a rejection rarely
 * costs a database write.
 */
export class AuditNotices {
  readonly #options: AuditNoticesOptions;
  readonly #noted = new Set<string>();
  #windowStart = -Infinity;

  constructor(options: AuditNoticesOptions) {
    this.#options = options;
  }

  /** @returns a promise if a row is being written, undefined if one exists already */
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
    // Before the write, so that further rejections do not wait for a slow database.
    this.#noted.add(key);
    const recorded = recordAudit(database, clock(), event, details);
    if (mayBeLost) return recorded;
    return recorded.catch((cause: unknown) => {
      this.#noted.delete(key);
      throw cause;
    });
  }
}
