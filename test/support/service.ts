import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { createServices, type Services } from '../../application.ts';
import { defaultScopes } from '../../mlapi/auth/types.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { createHttpServer } from '../../mlapi/http/server/server.ts';
import { listenerOf } from './listener.ts';
import { databaseOf } from './postgres.ts';
import { prepareFolder } from './prepared-folder.ts';

/** Limits and key sizes that suit tests; everything else is as shipped. */
const testVariables: Readonly<Record<string, string>> = {
  NODE_ENV: 'test',
  MLAPI_KEY_BITS: '2048',
  MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
  MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000',
  MLAPI_RATE_LIMIT_PER_MINUTE: '1000000',
  MLAPI_DOCS: 'true',
  MLAPI_LOG_LEVEL: 'silent',
};

/** A clock that stands until a test moves it. */
export class FakeClock {
  now = Date.UTC(2026, 0, 1);
  #elapsed = 0;

  readonly read = (): number => this.now;

  readonly readMonotonic = (): number => this.#elapsed;

  /** Time passes. */
  advanceSeconds(seconds: number): void {
    this.now += seconds * 1_000;
    this.#elapsed += seconds * 1_000;
  }

  /** Somebody sets the clock; no time passes. */
  stepSeconds(seconds: number): void {
    this.now += seconds * 1_000;
  }
}

/** The answer of `/auth/reset` and `/auth/refresh`. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly refresh_expires_in: number;
  readonly scope: string;
}

export interface TestService {
  readonly services: Services;
  readonly clock: FakeClock;
  readonly dataDir: string;
  /** The real server, listening on a port of the loopback. */
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  /** Requests over that server. */
  readonly http: ReturnType<typeof supertest>;
  /** A new client with a password, and its first tokens. */
  newClient(name?: string, scopes?: readonly string[]): Promise<{ name: string; password: string; tokens: Tokens }>;
  reset(username: string, password: string): supertest.Test;
  refresh(token: string): supertest.Test;
  /** Whether an access token is good now. */
  session(token: string): supertest.Test;
  close(): Promise<void>;
}

let clients = 0;

/**
 * A whole service on a data directory of its own, prepared as a first start leaves it, or on the one that is named, such as that of
 * another test service, or an empty one (`temporaryFolder()`) for keys that no other service has. Real SQLite (or PostgreSQL, by `npm
 * run test:postgres`), real keys, real models, a real port. `variables` are environment variables.
 */
export async function startService(
  variables: Readonly<Record<string, string>> = {},
  { clock = new FakeClock(), dataDir: namedDir }: { clock?: FakeClock; dataDir?: string } = {},
): Promise<TestService> {
  const dataDir = namedDir ?? temporaryFolder();
  const own = { ...databaseOf(dataDir), ...variables };
  if (namedDir === undefined) await prepareFolder(dataDir, testVariables, own, clock.now);
  const environment = { ...testVariables, MLAPI_DATA_DIR: dataDir, ...own };
  const config = readConfig(environment, process.cwd());
  const securityTxtPath = join(dataDir, 'security.txt');
  const expires = new Date(clock.now + 90 * 86_400_000).toISOString();
  writeFileSync(securityTxtPath, `Contact: mailto:security@mlapi.test\nExpires: ${expires}\n`);
  const { read, readMonotonic } = clock;
  const services = await createServices(config, { clock: read, monotonicClock: readMonotonic, securityTxtPath });
  services.lifecycle.enter('ready');
  const server = createHttpServer(listenerOf(services), services);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const http = supertest(server);
  const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const;
  const reset = (username: string, password: string) => http.post('/auth/reset').send({ username, password });
  return {
    services,
    clock,
    dataDir,
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    http,
    reset,
    refresh: (token) => http.post('/auth/refresh').set(...bearer(token)),
    session: (token) => http.get('/auth/session').set(...bearer(token)),
    newClient: async (name = `client-${(clients += 1)}`, scopes = defaultScopes) => {
      const password = await services.clients.add(name, { scopes });
      const { body } = await reset(name, password).expect(200);
      return { name, password, tokens: body as Tokens };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await services.close();
    },
  };
}

/** A folder that goes away with the process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
