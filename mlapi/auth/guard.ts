import type { Socket } from 'node:net';
import type { Check } from '../http/exchange.ts';
import type { Problem } from '../http/problem.ts';
import type { Authorize } from '../http/routing/handle.ts';
import { holdsFor, holdsSome } from '../http/scopes.ts';
import type { AuditNotices } from '../telemetry/audit-notices.ts';
import { scopeRefused, tokenMissing, tokenRefused } from './problems.ts';
import type { TokenService } from './tokens/token-service.ts';
import { VerifiedTokens } from './tokens/verified-tokens.ts';

/** An `Authorization` header, and what was read from it. */
interface ReadHeader {
  readonly authorization: string | undefined;
  readonly token: string;
  readonly digest: string;
}

/** Lets only verified access tokens through, and says who calls. Mounted before anything that reads a body. */
export function accessGuard(tokens: TokenService): Check {
  /** The last one of each connection: most of them carry one client's requests. Whether its token is good is asked anew each time. */
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

/** The token of an `Authorization: Bearer` header, the only place where one is taken from. @throws {Problem} 401 */
export function readBearer(authorization: string | undefined): string {
  if (authorization === undefined || !/^bearer(?: |$)/i.test(authorization)) throw tokenMissing();
  // RFC 9110 section 11.4: one or more blanks.
  const token = /^bearer +([A-Za-z0-9._-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw tokenRefused('malformed authorization header');
  return token;
}

/** Refuses a session without the endpoint's scope, and records it. An endpoint that was mounted without a guard is refused. */
export function scopeGuard({ notices }: { readonly notices: AuditNotices }): Authorize {
  return (session, { access, resource }, { address, requestId, params }) => {
    if (access === 'public' || access === 'refresh token') return;
    if (session === undefined) throw tokenMissing();
    if (access === 'access token' || session.scopes.includes(access)) return;
    const { clientId, familyId } = session;
    const who = { clientId, familyId, address, requestId };
    if (holdsSome(session.scopes, access)) {
      if (resource === 'filtered') return;
      const name = resource && params[resource.param];
      if (resource !== undefined && name !== undefined) {
        if (holdsFor(session.scopes, access, name)) return;
        // A caller that may not see it does not learn whether it exists.
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
