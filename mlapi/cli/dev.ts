import '../sandbox/inherited-descriptors.ts';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Services } from '../../application.ts';
import { developmentPassphraseFile } from '../config/core-config.ts';
import { readConfig, type Config } from '../configuration.ts';
import { permissions } from '../features.ts';
import { exitWithMessage } from '../http/server/service.ts';
import { print } from '../commands/command.ts';
import { startService } from './start-service.ts';

const demo = 'demo';
/** All permissions but administration. */
const scopes = permissions.filter((permission) => !permission.endsWith(':admin'));
/** Shell filter that extracts the access token; errors are shown on standard error. */
const readToken = `sed -n -e 's/.*"access_token":"\\([^"]*\\)".*/\\1/p' -e '/"error"/w /dev/stderr'`;

/** Serves with generated passphrase, database and client, so that a first look needs no configuration. */
async function startDevelopment(): Promise<void> {
  refuseProduction(process.env.NODE_ENV);
  const config = readConfig();
  refuseProduction(config.environment);
  const services = await startService(ensurePassphrase(config));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
  print(welcome(services, services.service.address, await freshPassword(services)));
}

function refuseProduction(environment: string | undefined): void {
  if (environment === 'production') throw new Error('npm run dev is not for production: use npm start');
}

function ensurePassphrase(config: Config): Config {
  if (config.keyPassphrase !== undefined) return config;
  const path = developmentPassphraseFile(config.dataDir);
  if (!existsSync(config.dataDir)) mkdirSync(config.dataDir, { mode: 0o700 });
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  return readConfig();
}

/** Makes a new password at each start, valid for one reset. Earlier tokens stay valid. */
async function freshPassword({ clients }: Services): Promise<string> {
  const exists = (await clients.list()).some(({ name }) => name === demo);
  if (!exists) return clients.add(demo, { scopes });
  await clients.setScopes(demo, scopes);
  return clients.resetPassword(demo, { keepTokens: true });
}

function welcome({ config, predictors }: Services, url: string, password: string): string {
  const models = [predictors.shown, ...predictors.list()];
  const { contract } = models.find((model) => model.contract.features.length > 0) ?? models[0]!;
  const row = contract.features.map(({ name }) => contract.sample[name] ?? null);
  const body = JSON.stringify([row]).replaceAll("'", '\\u0027');
  const lines = [
    '',
    `username: ${demo}`,
    `password: ${password}`,
    '',
    'Paste these, one after the other:',
    '',
    `TOKEN=$(curl -sS ${url}/auth/reset -d username=${demo} -d password=${password} | ${readToken})`,
    `curl -sS ${url}/api/models/${contract.name}/predict -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '${body}'`,
    config.docs ? `curl -sS ${url}/api/openapi.json` : `curl -sS ${url}/api/readiness`,
    '',
    ...(config.docs ? [`The same for people, in a browser: ${url}/api/docs`] : []),
    '',
  ];
  return lines.join('\n');
}

await startDevelopment().catch(exitWithMessage);
