import { Problem, tokenRequired } from '../http/problem.ts';

const realm = 'Bearer realm="mlapi"';

/** RFC 6750 section 3: the request has no token, so the challenge names no error. */
export function tokenMissing(): Problem {
  return tokenRequired({ headers: { 'www-authenticate': realm } });
}

/** One response for every bad token: it never says why. @param cause for the log only */
export function tokenRefused(cause?: unknown): Problem {
  const challenge = `${realm}, error="invalid_token"`;
  return tokenRequired({ headers: { 'www-authenticate': challenge }, cause });
}

/** One response for unknown names, wrong or used passwords and disabled clients. @param cause for the log only */
export function credentialsRefused(cause: string): Problem {
  const message =
    'The username or the password is wrong, or the password has been used already. ' +
    'A password works once; ask the operator for a new one (clients reset-password NAME).';
  return new Problem(401, 'invalid_client', message, { cause });
}

/**
 * RFC 6749 section 5.2, with the challenge that RFC 9110 section 15.5.2 requires in each 401. One response for unknown names, wrong and
 * expired secrets, disabled clients and clients with a one-time password.
 * @param cause for the log only
 */
export function clientRefused(cause: string): Problem {
  return new Problem(401, 'invalid_client', 'Unknown client or wrong secret.', {
    headers: { 'www-authenticate': 'Basic realm="mlapi", charset="UTF-8"' },
    cause,
  });
}

/** RFC 6749 section 5.2: one response for every bad refresh token. */
export function grantRefused(cause: unknown): Problem {
  return new Problem(400, 'invalid_grant', 'A valid refresh token is required.', { cause });
}

export function scopeRefused(scope: string): Problem {
  const challenge = `${realm}, error="insufficient_scope", scope="${scope}"`;
  return new Problem(403, 'insufficient_scope', `The access token lacks the scope ${scope}.`, {
    headers: { 'www-authenticate': challenge },
  });
}

export function scopeUnknown(): Problem {
  return new Problem(400, 'invalid_scope', 'The requested scope exceeds what the client was granted.');
}

export function tooManyFailures(retryAfterSeconds: number): Problem {
  return new Problem(429, 'rate_limited', 'Too many failed attempts; see Retry-After.', {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}
