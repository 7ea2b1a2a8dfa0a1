import { spawn } from 'node:child_process';
import { hasPostgres, TestPostgres, testPostgresVariable } from './support/postgres.ts';

/**
 * `npm run test:postgres -- FILES`: the same tests, with the services on PostgreSQL: the server in TEST_POSTGRES_URL, or one that is
 * started here and stopped afterwards.
 */
async function run(words: readonly string[]): Promise<number> {
  if (process.env[testPostgresVariable] !== undefined) return jest(words, process.env);
  if (!hasPostgres('the tests on PostgreSQL')) return 0;
  const server = await TestPostgres.start();
  // A signal to the process group ends the tests, and with them the server.
  process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
  return jest(words, { ...process.env, [testPostgresVariable]: server.url() }).finally(() => server.close());
}

async function jest(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn('npm', ['test', '--', ...words], { env, stdio: 'inherit' });
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

process.exitCode = await run(process.argv.slice(2));
