import { Problem, tokenRequired } from '../http/problem.ts';

const realm = 'Bearer realm="mlapi"';

/** RFC 6750 section 3: nobody presented a token, so the challenge names no error. */
export function tokenMissing(): Problem {
  return tokenRequired({ headers: { 'www-authenticate': realm } });
}

/** One answer for every token that is not good: it never says why. */
export function tokenRefused(cause?: unknown): Problem {
  const challenge = `${realm}, error="invalid_token"`;
  return tokenRequired({ headers: { 'www-authenticate': challenge }, cause });
}

/** One answer for unknown names, wrong passwords, spent passwords and disabled clients. @param cause for the log alone */
export function credentialsRefused(cause: string): Problem {
  const message =
    'The username or the password is wrong, or was used before. ' +
    'A password works once; the operator makes a new one with clients reset-password NAME.';
  return new Problem(401, 'invalid_client', message, { cause });
}

/**
 * RFC 6749 section 5.2, with the challenge that RFC 9110 section 15.5.2 wants in each 401. One answer for unknown names, wrong and ended
 * secrets, disabled clients and those with a one-time password. @param cause for the log alone
 */
export function clientRefused(cause: string): Problem {
  return new Problem(401, 'invalid_client', 'The client is unknown, or its secret is wrong.', {
    headers: { 'www-authenticate': 'Basic realm="mlapi", charset="UTF-8"' },
    cause,
  });
}

/** RFC 6749 section 5.2: one answer for every refresh token that is not good. */
export function grantRefused(cause: unknown): Problem {
  return new Problem(400, 'invalid_grant', 'A valid refresh token is required.', { cause });
}

export function scopeRefused(scope: string): Problem {
  const challenge = `${realm}, error="insufficient_scope", scope="${scope}"`;
  return new Problem(403, 'insufficient_scope', `This needs the scope ${scope}.`, {
    headers: { 'www-authenticate': challenge },
  });
}

export function scopeUnknown(): Problem {
  return new Problem(400, 'invalid_scope', 'The scope asks for more than was granted.');
}

export function tooManyFailures(retryAfterSeconds: number): Problem {
  return new Problem(429, 'rate_limited', 'Too many failed attempts; see Retry-After.', {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}
