import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { createApplication } from '../../application.ts';
import { contributionsOf } from '../../mlapi/http/feature.ts';
import type { RowFormat } from '../../mlapi/inference/row-formats.ts';
import { contractOf, startModels, type ModelService } from '../support/model-folders.ts';
import { identityModel } from '../support/onnx-builder.ts';

/** One number per line, in both directions. */
const lines: RowFormat = {
  mediaType: 'text/x-lines',
  parameters: ['end=lf'],
  read: ([encoder], { type, maxRows, hold }) => {
    let text = '';
    return {
      write: (chunk) => void (text += chunk.toString()),
      end: () => {
        const numbers = text.trimEnd().split('\n').map(Number);
        hold(numbers.length * 8);
        expect([type, maxRows]).toEqual(['float32', 10_000]);
        return { data: Float32Array.from(numbers, (each) => encoder!.encode(each)), rows: numbers.length, width: 1 };
      },
    };
  },
  write: ({ predictions }) => ({ headers: { 'content-type': lines.mediaType }, chunks: [predictions.join('\n')] }),
  docs: { rows: 'a number in each line', prediction: 'likewise', example: () => '1\n' },
};

let service: ModelService;
let post: (headers: Readonly<Record<string, string>>, body: string) => supertest.Test;
let http: ReturnType<typeof supertest>;
beforeAll(async () => {
  const contract = contractOf('m', [{ name: 'x', type: 'number' }], { output: { kind: 'values' } });
  service = await startModels({ m: { onnx: identityModel(1), contract } });
  const { tokens } = await service.newClient();
  const { services } = service;
  services.rowFormats.add(lines);
  http = supertest(createApplication({ ...services, contributed: contributionsOf([services.inference]) }));
  post = (headers, body) =>
    http
      .post('/api/models/m/predict')
      .set({ authorization: `Bearer ${tokens.access_token}`, ...headers })
      .serialize((text: unknown) => text as string)
      .send(body);
});
afterAll(() => service.close());

const json = 'application/json';
const sent = { 'content-type': lines.mediaType };

describe('a format added by a feature', () => {
  test.each([lines.mediaType, `${lines.mediaType}; charset=utf-8; end=lf`])('200: rows in %s', async (type) => {
    const { body } = await post({ 'content-type': type }, '1\n2.5\n').expect(200);

    expect(body).toMatchObject({ predictions: [1, 2.5] });
  });

  test('415: an unknown parameter of the format, and the format’s own parameter on JSON', async () => {
    await post({ 'content-type': `${lines.mediaType}; end=cr` }, '1\n').expect(415);
    await post({ 'content-type': `${json}; end=lf` }, '[[1]]').expect(415);
  });

  test.each<[accept: string, type: string]>([
    [lines.mediaType, lines.mediaType],
    [`*/*;q=0.9, ${lines.mediaType}`, lines.mediaType],
    [`${json};q=0.5, ${lines.mediaType};q=0.6`, lines.mediaType],
    [`${lines.mediaType}, ${json}`, json],
    [`${lines.mediaType};q=0.5, */*`, json],
    ['*/*', json],
    ['image/png', json],
  ])('200: Accept: %s', async (accept, type) => {
    const { headers, text } = await post({ ...sent, accept }, '1\n2.5\n').expect(200);

    expect(headers['content-type']).toBe(type);
    if (type !== json) expect(text).toBe('1\n2.5');
  });

  test('is in the document, with its examples', async () => {
    const { body } = await http.get('/api/openapi.json').expect(200);

    expect(body.paths['/api/models/{name}/predict'].post).toMatchObject({
      requestBody: {
        content: { [lines.mediaType]: { schema: { description: 'a number in each line' }, example: '1\n' } },
      },
      responses: { 200: { content: { [lines.mediaType]: { schema: { description: 'likewise' } } } } },
    });
  });
});
