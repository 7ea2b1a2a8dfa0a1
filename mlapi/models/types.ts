import type { Call } from '../http/endpoint.ts';
import { modelNotFound } from '../inference/named-model.ts';
import type { UntrustedModel } from '../inference/untrusted/untrusted-models.ts';
import type { Queries } from '../persistence/database.ts';
import { administration } from './scopes.ts';

/** A version without its contract, as in a list. Times are epoch milliseconds. */
export interface VersionRecord {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** The client that brought it; null where an operator did. */
  readonly ownerId: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly description: string;
  readonly createdAt: number;
  /** It serves no more, and its name stays taken. */
  readonly retiredAt: number | null;
}

/** A version with what it takes to serve it. */
export interface StoredVersion extends VersionRecord, UntrustedModel {}

/** A version, and of how much of the traffic. */
export interface Share {
  readonly version: string;
  /** From 0 to 1. */
  readonly share: number;
}

/** Versions that an alias points to. */
export interface AliasTarget {
  readonly version: string;
  /** Answers this share of the clients instead: always the same ones. */
  readonly canary: Share | null;
  /** Is asked this share of the requests, too, and nobody gets its answers. */
  readonly shadow: Share | null;
}

/** A moving name for a version. */
export interface Alias extends AliasTarget {
  readonly model: string;
  readonly alias: string;
  /** Counts its moves. */
  readonly revision: number;
  readonly updatedAt: number;
}

/** The entity tag of an alias: its revision. */
export function tagOf({ revision }: Pick<Alias, 'revision'>): string {
  return `"${revision}"`;
}

/** The caller, and the origin of the call, for the audit trail. */
export interface Actor {
  /** Undefined for an operator. */
  readonly clientId: string | undefined;
  /** Whether it may change what belongs to others. */
  readonly isAdministrator: boolean;
  readonly familyId?: string;
  readonly address?: string;
  readonly requestId?: string;
}

/** Fails unless the session may still act: within a transaction, until whose end it stays so. @throws {Problem} 401 */
export type ConfirmSession = (
  queries: Queries,
  session: { readonly clientId: string; readonly familyId: string },
) => Promise<void>;

/** Returns the actor of a call. */
export function actorOf({ session, address, requestId }: Call): Actor {
  // Without a session nobody comes this far; if somebody did, nothing would be theirs.
  const { clientId = '', familyId = '', scopes = [] } = session ?? {};
  return { clientId, familyId, address, requestId, isAdministrator: scopes.includes(administration) };
}

/** @throws {Problem} 404 unless it is there and serves */
export function assertServing(record: VersionRecord | undefined): VersionRecord {
  if (record?.retiredAt !== null) throw modelNotFound();
  return record;
}
