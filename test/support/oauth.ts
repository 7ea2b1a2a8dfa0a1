import type supertest from 'supertest';
import type { TestService } from './service.ts';

/** `POST /auth/token` with these form fields. */
export function askToken({ http }: TestService, form: Readonly<Record<string, string>> | string): supertest.Test {
  return http.post('/auth/token').type('form').send(form);
}

/** The client credentials grant, with the secret in the body. */
export function grant(service: TestService, name: string, secret: string, scope?: string): supertest.Test {
  const fields = { grant_type: 'client_credentials', client_id: name, client_secret: secret };
  return askToken(service, { ...fields, ...(scope !== undefined && { scope }) });
}

/** `Authorization: Basic` as in RFC 6749 section 2.3.1. */
export function basic(name: string, secret: string): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
  return `Basic ${Buffer.from(`${encode(name)}:${encode(secret)}`).toString('base64')}`;
}
