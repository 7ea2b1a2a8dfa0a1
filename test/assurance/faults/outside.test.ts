import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { exchange, faultsOf } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

/** Files and paths that a careless deployment might expose. */
const leftovers = [
  '/.git/config',
  '/.git/HEAD',
  '/.env',
  '/package.json',
  '/application.js',
  '/application.js.map',
  '/build/application.js.map',
  '/data/mlapi.db',
  '/mlapi.db',
  '/mlapi.db-wal',
  '/mlapi.db.bak',
  '/backup.sql',
  '/users.csv',
  '/metrics',
  '/api/metrics',
  '/debug/pprof',
  '/server-status',
  '/resources/models/nsl-kdd-classifier/model.onnx',
];

/** Segments that begin with a dot are refused before routing. */
const statusOf = (path: string) => (path.startsWith('/.') ? 400 : 404);

test.each(leftovers)('400, 401 or 404: %s, with or without a token', async (path) => {
  for (const authorization of ['', `Authorization: Bearer ${token}\r\n`]) {
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${authorization}\r\n`;
    const [answer] = (await exchange(service.port, request)).answers;
    expect(answer?.status).toBe(path.startsWith('/api/') && authorization === '' ? 401 : statusOf(path));
    expect(faultsOf(answer!)).toEqual([]);
  }
});
