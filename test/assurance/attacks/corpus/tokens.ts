import { createHmac, generateKeyPairSync } from 'node:crypto';
import { encodePart, signParts, type Forger } from '../../../support/forge.ts';

/** Tokens that must be refused, by case and name. */
export function refusedTokens(forger: Forger, refreshToken: string): [string, string, string][] {
  const { header, claims, privateKey, tokens, withClaims, withHeader } = forger;
  const [head = '', payload = '', signature = ''] = tokens.access_token.split('.');
  const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const hmacInput = `${encodePart({ ...header, alg: 'HS256' })}.${payload}`;
  const hmac = createHmac('sha256', '').update(hmacInput).digest('base64url');
  const now = Number(claims.iat);
  const payloadOf = (text: string | Buffer) => signParts(header, text, privateKey);
  return [
    ['A1', 'alg none', `${encodePart({ ...header, alg: 'none' })}.${payload}.`],
    ['A2', 'HS256 under nothing', `${hmacInput}.${hmac}`],
    ['A3', 'RS512 under the same kid', signParts({ ...header, alg: 'RS512' }, claims, privateKey, 'sha512')],
    ['A4', 'an unknown kid', withHeader({ kid: 'x'.repeat(43) })],
    ['A4', 'a kid with a path', withHeader({ kid: '../../dev/null' })],
    ['A4', 'a kid with SQL', withHeader({ kid: "' OR 1=1--" })],
    ['A5', "the attacker's own key in jwk", signParts({ ...header, jwk: {} }, claims, attacker.privateKey)],
    ['A6', 'crit', withHeader({ crit: ['exp'] })],
    ['A7', 'typ JWT', withHeader({ typ: 'JWT' })],
    ['A8', 'a refresh token', refreshToken],
    ['A9', 'another iss', withClaims({ iss: 'other' })],
    ['A10', 'another aud', withClaims({ aud: 'other' })],
    ['A11', 'no exp', withClaims({ exp: undefined })],
    ['A11', 'exp is past', withClaims({ iat: now - 60, exp: now - 1 })],
    ['A12', 'iat in the future', withClaims({ iat: now + 3_600, exp: now + 3_700 })],
    ['A13', 'another sub', withClaims({ sub: 'other', client_id: 'other' })],
    ['A14', 'a signature cut short', `${head}.${payload}.${signature.slice(0, -4)}`],
    ['A14', "the attacker's signature", signParts(header, claims, attacker.privateKey)],
    ['A15', 'padding', `${tokens.access_token}=`],
    ['A16', 'a claim twice', payloadOf(JSON.stringify(claims).replace('{', '{"sub":"x",'))],
    ['A17', 'a list as payload', payloadOf('[]')],
    ['A17', 'no UTF-8 as payload', payloadOf(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['A18', 'a long token', withClaims({ pad: 'x'.repeat(5_000) })],
    ['A19', 'two parts', `${head}.${payload}`],
    ['A19', 'five parts', `${tokens.access_token}.x.y`],
    ['A26', 'a token of nobody', `${'a'.repeat(36)}.${'b'.repeat(200)}.${'c'.repeat(342)}`],
  ];
}
