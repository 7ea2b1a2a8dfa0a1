import type { RefreshClaims } from './claims.ts';
import type { TokenFamily } from '../types.ts';

/** Decision on a refresh token whose signature and claims are valid. */
export type RotationVerdict = 'rotate' | 'retry' | 'replay' | 'refuse';

interface Presented {
  readonly claims: RefreshClaims;
  readonly address: string;
  readonly now: number;
  readonly graceSeconds: number;
}

/**
 * RFC 9700 section 4.14.2: a token that is not the unused head of its family is a replay, and thief and client cannot be told apart. Within
 * the grace period, the direct predecessor of an unused head may be presented once more from the same address.
 */
export function judgeRefresh(
  family: TokenFamily | undefined,
  { claims, address, now, graceSeconds }: Presented,
): RotationVerdict {
  if (family?.endedAt !== null || family.isClientDisabled) return 'refuse';
  if (family.expiresAt <= now || family.clientName !== claims.clientName) return 'refuse';
  const isHead = claims.generation === family.generation && claims.jti === family.refreshJti;
  if (isHead) return 'rotate';
  const isPredecessor = claims.generation === family.generation - 1 && claims.jti === family.previousJti;
  const isInGrace = graceSeconds > 0 && now >= family.rotatedAt && now - family.rotatedAt <= graceSeconds * 1_000;
  return isPredecessor && isInGrace && address === family.lastAddress ? 'retry' : 'replay';
}
