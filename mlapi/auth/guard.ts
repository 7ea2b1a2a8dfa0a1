import type { Socket } from 'node:net';
import type { Check } from '../http/exchange.ts';
import type { Problem } from '../http/problem.ts';
import { readAddress } from '../http/request/client-address.ts';
import { holdsFor, holdsSome } from '../http/scopes.ts';
import type { AuditNotices } from '../telemetry/audit-notices.ts';
import { scopeRefused, tokenMissing, tokenRefused } from './problems.ts';
import type { TokenService } from './tokens/token-service.ts';
import { VerifiedTokens } from './tokens/verified-tokens.ts';

/** An `Authorization` header with its parsed token and the token's digest. */
interface ReadHeader {
  readonly authorization: string | undefined;
  readonly token: string;
  readonly digest: string;
}

/** Verifies the access token and sets the session of the request. Mount it before anything that reads a body. */
export function accessGuard(tokens: TokenService): Check {
  /** Last parsed header of each connection, since most connections serve one client. The token itself is verified on every request. */
  const latest = new WeakMap<Socket, ReadHeader>();
  const read = (socket: Socket, authorization: string | undefined): ReadHeader => {
    const known = latest.get(socket);
    if (known !== undefined && known.authorization === authorization) return known;
    const token = readBearer(authorization);
    return { authorization, token, digest: VerifiedTokens.digest(token) };
  };
  return (exchange) => {
    const { headers, socket } = exchange.request;
    const header = read(socket, headers.authorization);
    const session = tokens.verifyAccess(header.token, header.digest);
    if (session instanceof Promise) return session.then((found) => void (exchange.session = found));
    latest.set(socket, header);
    exchange.session = session;
  };
}

/**
 * Returns the token of an `Authorization: Bearer` header; tokens are accepted nowhere else.
 * @throws {Problem} 401 `invalid_token`
 */
export function readBearer(authorization: string | undefined): string {
  if (authorization === undefined || !/^bearer(?: |$)/i.test(authorization)) throw tokenMissing();
  // RFC 9110 section 11.4: one or more spaces.
  const token = /^bearer +([A-Za-z0-9._-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw tokenRefused('malformed authorization header');
  return token;
}

/** Rejects and audits a session without the endpoint's scope. An endpoint mounted without `accessGuard` rejects every request. */
export function scopeGuard({ notices }: { readonly notices: AuditNotices }): Check {
  return ({ session, id: requestId, address }, match) => {
    if (match === undefined) return;
    const { access, resource } = match.endpoint;
    if (access === 'public' || access === 'refresh token') return;
    if (session === undefined) throw tokenMissing();
    if (access === 'access token' || session.scopes.includes(access)) return;
    const { clientId, familyId } = session;
    const who = { clientId, familyId, address: readAddress(address), requestId };
    if (holdsSome(session.scopes, access)) {
      if (resource === 'filtered') return;
      const name = resource && match.params[resource.param];
      if (resource !== undefined && name !== undefined) {
        if (holdsFor(session.scopes, access, name)) return;
        // Answer as if the resource did not exist, so that the caller cannot probe for names.
        const detail = `${access}:${name.slice(0, 64)}`;
        return refuse(resource.hidden(), notices.note(resource.event, { ...who, detail }));
      }
    }
    return refuse(scopeRefused(access), notices.note('scope_refused', { ...who, detail: access }, { kind: access }));
  };
}

async function refuse(problem: Problem, noted: Promise<void> | undefined): Promise<void> {
  await noted;
  throw problem;
}
