import { Problem } from '../../http/problem.ts';
import { normalizeName } from './client-names.ts';
import { decodeFormPart } from '../../http/body/forms.ts';

const maxIdLength = 256;
const maxSecretLength = 1_024;

/** The client that a request names: by id alone, or with a secret. */
export interface PresentedClient {
  readonly id?: string | undefined;
  readonly secret?: string | undefined;
}

/** Form fields that identify a client. */
export interface ClientFields {
  readonly client_id?: string;
  readonly client_secret?: string;
}

/**
 * Reads the client from HTTP Basic, or from `client_id` and `client_secret` in the form, never from both (RFC 6749 section 2.3). Another
 * scheme in the header identifies no client.
 * @throws {Problem} 400 `invalid_request`
 */
export function readPresentedClient(authorization: string | undefined, form: ClientFields): PresentedClient {
  const { client_secret: secret } = form;
  const id = form.client_id === undefined ? undefined : normalizeName(form.client_id);
  if (authorization === undefined || !/^basic(?: |$)/i.test(authorization)) {
    if (secret !== undefined && id === undefined) throw invalid('client_secret requires client_id.');
    return { id, secret };
  }
  const basic = readBasic(authorization.slice('basic'.length).trim());
  if (secret !== undefined) throw invalid('Authenticate in the header or in the body, not in both.');
  if (id !== undefined && id !== basic.id) throw invalid('The header and the body name different clients.');
  return basic;
}

/** RFC 6749 section 2.3.1: id and secret are form-urlencoded before they are joined. */
function readBasic(credentials: string): Required<PresentedClient> {
  // Buffer skips characters that are not base64.
  const bytes = Buffer.from(credentials, 'base64');
  const canonical = bytes.toString('base64');
  const isCanonical = credentials === canonical || credentials === canonical.replaceAll('=', '');
  const text = bytes.toString('latin1');
  const colon = text.indexOf(':');
  if (!isCanonical || colon < 1) throw malformed();
  const [id, secret] = [decodePart(text.slice(0, colon)), decodePart(text.slice(colon + 1))];
  if (id.length > maxIdLength || secret.length > maxSecretLength) throw malformed();
  return { id: normalizeName(id), secret };
}

function decodePart(part: string): string {
  try {
    return decodeFormPart(Buffer.from(part, 'latin1').toString('utf8'));
  } catch {
    throw malformed();
  }
}

function malformed(): Problem {
  return invalid('Malformed Authorization header: expected "Basic" and the base64 of id:secret.');
}

function invalid(message: string): Problem {
  return new Problem(400, 'invalid_request', message);
}
