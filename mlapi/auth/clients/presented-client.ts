import { Problem } from '../../http/problem.ts';
import { normalizeName } from './client-names.ts';
import { decodeFormPart } from '../../http/body/forms.ts';

const maxIdLength = 256;
const maxSecretLength = 1_024;

/** How a request names its client: by id alone, or with a secret. */
export interface PresentedClient {
  readonly id?: string | undefined;
  readonly secret?: string | undefined;
}

/** The fields of a form in which a client may name itself. */
export interface ClientFields {
  readonly client_id?: string;
  readonly client_secret?: string;
}

/**
 * RFC 6749 section 2.3: HTTP Basic, or `client_id` and `client_secret` in the form, never both. Another scheme in the header is none of
 * these, and presents nobody.
 * @throws {Problem} 400 `invalid_request`
 */
export function readPresentedClient(authorization: string | undefined, form: ClientFields): PresentedClient {
  const { client_secret: secret } = form;
  const id = form.client_id === undefined ? undefined : normalizeName(form.client_id);
  if (authorization === undefined || !/^basic(?: |$)/i.test(authorization)) {
    if (secret !== undefined && id === undefined) throw invalid('A client_secret needs a client_id.');
    return { id, secret };
  }
  const basic = readBasic(authorization.slice('basic'.length).trim());
  if (secret !== undefined) throw invalid('The client authenticates in the header or in the body, not in both.');
  if (id !== undefined && id !== basic.id) throw invalid('The header and the body name different clients.');
  return basic;
}

/** Both parts are form-urlencoded before they are joined (RFC 6749 section 2.3.1). */
function readBasic(credentials: string): Required<PresentedClient> {
  // Buffer would skip over what is not base64.
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
  return invalid('The Authorization header is malformed: it takes "Basic", and base64 of id:secret.');
}

function invalid(message: string): Problem {
  return new Problem(400, 'invalid_request', message);
}
