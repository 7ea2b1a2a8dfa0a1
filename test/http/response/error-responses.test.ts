import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { errorResponses } from '../../../mlapi/http/response/error-responses.ts';
import { createListener } from '../../../mlapi/http/server/listener.ts';
import { Problem } from '../../../mlapi/http/problem.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('the shape of errors', () => {
  test.each([
    ['/none', 404, 'not_found', 'Not Found'],
    ['/api/ml', 401, 'invalid_token', 'Unauthorized'],
    ['/api/liveness?a=1', 400, 'invalid_query', 'Bad Request'],
    ['/authors', 404, 'not_found', 'Not Found'],
  ])('%s: %i %s is an RFC 9457 problem', async (target, status, code, title) => {
    const response = await service.http.get(target).expect(status);

    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.body).toEqual({
      type: `urn:mlapi:problem:${code}`,
      title,
      status,
      detail: expect.any(String),
      instance: target.split('?')[0],
      code,
      request_id: response.headers['x-request-id'],
    });
  });

  test.each([
    ['POST', '/auth/reset', 415, 'invalid_request'],
    ['POST', '/auth/refresh', 401, 'invalid_token'],
    ['PUT', '/auth', 405, 'invalid_request'],
    ['GET', '/auth?a=1', 400, 'invalid_request'],
    ['GET', '/auth/none', 404, 'invalid_request'],
    ['GET', '/auth/%', 400, 'invalid_request'],
  ])('%s %s: %i %s has the shape of RFC 6749', async (method, target, status, error) => {
    const response = await service.http[method.toLowerCase() as 'get' | 'post' | 'put'](target).expect(status);

    expect(response.headers['content-type']).toBe('application/json');
    expect(Object.keys(response.body as object)).toEqual(['error', 'error_description']);
    expect(response.body).toMatchObject({
      error,
      error_description: expect.stringMatching(/^[\x20-\x7e]+$/),
    });
  });
});

/** An application that fails on demand, with the error responses as shipped. */
function failing(error: unknown) {
  const application = express();
  application.get(['/api/x', '/auth/x'], () => {
    throw error;
  });
  application.get('/half', (_request, response) => {
    response.write('half an ');
    throw error;
  });
  const { services } = service;
  return supertest(createListener(application.use(errorResponses), services.config, services));
}

describe('an internal error', () => {
  const secret = new Error("SQLITE_ERROR: select * from clients; /srv/secret.ts:1 {'password':'x'}");

  test.each([
    ['an Error', secret],
    ['an Error with a status', Object.assign(secret, { status: 418, expose: true })],
    ['a string', 'secret'],
    ['an object', { status: 400, message: 'secret' }],
  ])('500: the message of %s is not disclosed', async (_name, error) => {
    const { body } = await failing(error).get('/api/x').expect(500);

    expect(body).toMatchObject({ status: 500, code: 'internal_error', title: 'Internal Server Error' });
    expect(JSON.stringify(body)).not.toMatch(/secret|SQLITE|select|password|stack/);
  });

  test('500: on /auth it is server_error', async () => {
    const { body } = await failing(secret).get('/auth/x').expect(500);

    expect((body as { error: string }).error).toBe('server_error');
  });

  test('a partly sent response is aborted, not completed', async () => {
    await expect(failing(secret).get('/half').then()).rejects.toThrow(/aborted|socket hang up/);
  });

  test('error_description uses only the characters that RFC 6749 allows', async () => {
    const { body } = await failing(new Problem(400, 'invalid_request', 'a "b" \\ é'))
      .get('/auth/x')
      .expect(400);

    expect((body as { error_description: string }).error_description).toBe("a 'b' ' '");
  });
});
