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

/** Limits and key sizes for tests; everything else is as shipped. */
const testVariables: Readonly<Record<string, string>> = {
  NODE_ENV: 'test',
  MLAPI_KEY_BITS: '2048',
  MLAPI_KEY_PASSPHRASE: 'a passphrase for tests only',
  MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000',
  MLAPI_RATE_LIMIT_PER_MINUTE: '1000000',
  MLAPI_DOCS: 'true',
  MLAPI_LOG_LEVEL: 'silent',
};

/** A clock that stands still until a test moves it. */
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

  /** Sets the wall clock; no time passes. */
  stepSeconds(seconds: number): void {
    this.now += seconds * 1_000;
  }
}

/** The response of `/auth/reset` and `/auth/refresh`. */
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
  /** The real server, listening on a loopback port. */
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  /** Requests to that server. */
  readonly http: ReturnType<typeof supertest>;
  /** Creates a client with a password and its first tokens. */
  newClient(name?: string, scopes?: readonly string[]): Promise<{ name: string; password: string; tokens: Tokens }>;
  reset(username: string, password: string): supertest.Test;
  refresh(token: string): supertest.Test;
  /** Whether an access token is valid. */
  session(token: string): supertest.Test;
  close(): Promise<void>;
}

let clients = 0;

/**
 * A whole service with real keys, real models, a real port and real SQLite. `npm run test:postgres` uses PostgreSQL instead. Its data
 * directory is prepared like after a first start; or pass one: that of another service, or an empty one (`temporaryFolder()`) for new
 * keys. `variables` are environment variables.
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

/** A folder that is deleted when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
