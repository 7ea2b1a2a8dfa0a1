import type { Call } from '../http/endpoint.ts';
import { modelNotFound } from '../inference/named-model.ts';
import type { UntrustedModel } from '../inference/untrusted/untrusted-models.ts';
import type { Queries } from '../persistence/database.ts';
import { administration } from './scopes.ts';

/** A version without its contract, as in lists. Times are epoch milliseconds. */
export interface VersionRecord {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** The client that uploaded it; null for an operator. */
  readonly ownerId: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly description: string;
  readonly createdAt: number;
  /** When it was retired: it no longer serves, but its name stays taken. */
  readonly retiredAt: number | null;
}

/** A version with what is needed to serve it. */
export interface StoredVersion extends VersionRecord, UntrustedModel {}

/** A version and its share of the traffic. */
export interface Share {
  readonly version: string;
  /** From 0 to 1. */
  readonly share: number;
}

/** The versions that an alias points to. */
export interface AliasTarget {
  readonly version: string;
  /** Serves this share of the clients, always the same ones, instead of `version`. */
  readonly canary: Share | null;
  /** Receives a copy of this share of the requests; its responses are discarded. */
  readonly shadow: Share | null;
}

/** A movable name for a version. */
export interface Alias extends AliasTarget {
  readonly model: string;
  readonly alias: string;
  /** Incremented by every change. */
  readonly revision: number;
  readonly updatedAt: number;
}

/** Returns the entity tag of an alias: its revision. */
export function tagOf({ revision }: Pick<Alias, 'revision'>): string {
  return `"${revision}"`;
}

/** The caller and the origin of a call, for ownership checks and the audit trail. */
export interface Actor {
  /** Undefined for an operator. */
  readonly clientId: string | undefined;
  /** Whether the caller may change models that other clients own. */
  readonly isAdministrator: boolean;
  readonly familyId?: string;
  readonly address?: string;
  readonly requestId?: string;
}

/**
 * Confirms within a transaction that the session is still valid, and keeps it so until the end of the transaction.
 * @throws {Problem} 401
 */
export type ConfirmSession = (
  queries: Queries,
  session: { readonly clientId: string; readonly familyId: string },
) => Promise<void>;

/** Returns the actor of a call. */
export function actorOf({ session, address, requestId }: Call): Actor {
  // The guard guarantees a session; without one, an empty id owns nothing.
  const { clientId = '', familyId = '', scopes = [] } = session ?? {};
  return { clientId, familyId, address, requestId, isAdministrator: scopes.includes(administration) };
}

/** @throws {Problem} 404 unless the version exists and is not retired */
export function assertServing(record: VersionRecord | undefined): VersionRecord {
  if (record?.retiredAt !== null) throw modelNotFound();
  return record;
}
