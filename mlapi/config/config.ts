import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import Joi from 'joi';
import { localUrl } from './base-url.ts';
import { readRemoteTokens, readSecretFile, type RemoteToken } from './secret-files.ts';
import { variables } from './variables.ts';

/** The whole configuration, validated and frozen. Times carry their unit in the name. */
export interface Config {
  readonly environment: 'production' | 'development' | 'test';
  readonly host: string;
  readonly port: number;
  readonly socket: string | undefined;
  readonly workers: number;
  readonly dataDir: string;
  /** PostgreSQL; undefined for SQLite in the data directory. It may hold a password. */
  readonly databaseUrl: string | undefined;
  /** It may hold a password. */
  readonly redisUrl: string | undefined;
  readonly modelsDir: string;
  readonly defaultModel: string | undefined;
  /** Base URLs of those that may compute for models here. */
  readonly remoteServers: readonly string[];
  readonly remoteTokens: readonly RemoteToken[];
  /** The URL of the service, without a path. */
  readonly issuer: string;
  readonly audience: string;
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly refreshMaxTtlSeconds: number;
  readonly refreshGraceSeconds: number;
  readonly resetOnce: boolean;
  readonly keyBits: number;
  /** Undefined where only commands without keys are to run; the key manager refuses to open without it. */
  readonly keyPassphrase: string | undefined;
  readonly trustProxy: string | number;
  readonly corsOrigins: readonly string[];
  readonly bodyLimitBytes: number;
  readonly maxRows: number;
  readonly predictTimeoutMs: number;
  /** Maximum size of one upload, in bytes. */
  readonly modelLimitBytes: number;
  /** Maximum memory of each process that holds an uploaded model. */
  readonly modelMemoryBytes: number;
  /** Maximum memory of all these processes together. */
  readonly modelsMemoryBytes: number;
  /** Versions, and their bytes, that a client may have in the store. */
  readonly clientModels: number;
  readonly clientModelsBytes: number;
  readonly rateLimitPerMinute: number;
  readonly authRateLimitPerMinute: number;
  /** Where Prometheus reads, on 127.0.0.1; 0: the system chooses; undefined: nothing is measured. */
  readonly metricsPort: number | undefined;
  /** The base URL of an OpenTelemetry collector; undefined: there is none. */
  readonly otlpEndpoint: string | undefined;
  readonly otlpIntervalSeconds: number;
  readonly docs: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug' | 'silent';
  readonly logFormat: 'json' | 'pretty';
}

/** Every mistake in the environment at once: names and rules, never values. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The configuration has ${mistakes.length} mistake(s):\n${mistakes.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

const environmentSchema = Joi.valid('production', 'development', 'test').default('development');

/** Reads the environment, with `.env` in `root` beneath it. @throws {ConfigError} naming every mistake. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env, root = process.cwd()): Config {
  const merged = { ...readEnvFile(resolve(root, '.env')), ...environment };
  const mistakes: string[] = [];
  const values = readVariables(merged, mistakes);
  const mode = environmentSchema.validate(merged.NODE_ENV === '' ? undefined : merged.NODE_ENV);
  if (mode.error) mistakes.push('NODE_ENV must be production, development or test');
  const passphrase = readPassphrase(values, mode.value as string, root, mistakes);
  const remoteTokens = readTokens(values, root, mistakes);
  checkIssuer(merged, mode.value as string, mistakes);
  checkTogether(values, mistakes);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const environmentName = mode.value as Config['environment'];
  return Object.freeze({ ...toConfig(values, environmentName, passphrase, root), remoteTokens });
}

type Values = Record<string, unknown>;

function readEnvFile(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

function readVariables(environment: NodeJS.ProcessEnv, mistakes: string[]): Values {
  const known = new Set(variables.map(({ name }) => name));
  for (const name of Object.keys(environment)) {
    if (name.startsWith('MLAPI_') && !known.has(name)) mistakes.push(`${name} is not a variable of this service`);
  }
  const values: Values = {};
  for (const { name, schema, shownDefault } of variables) {
    const given = environment[name];
    const raw = given === undefined || given === '' ? shownDefault : given;
    if (raw === '') continue;
    // Joi would take " 8080 ", 1e3 and +80 for numbers.
    if (schema.type === 'number' && !/^(?:0|[1-9]\d*)$/.test(raw)) {
      mistakes.push(`${name} must be a whole number, in digits`);
      continue;
    }
    const input = schema.type === 'array' ? raw.split(',').map((item) => item.trim()) : raw;
    const result = schema.label(name).validate(input, { errors: { wrap: { label: false } } });
    if (result.error) mistakes.push(withoutValue(result.error, name));
    else values[name] = result.value as unknown;
  }
  return values;
}

/** Joi's message states the rule; the label of an array's item is turned back into the variable's name. */
function withoutValue(error: Joi.ValidationError, name: string): string {
  return error.message.startsWith(name) ? error.message : `${name}: ${error.message}`;
}

/** Where `npm run dev` keeps the passphrase that it made; never read in production. */
export function developmentPassphraseFile(dataDir: string): string {
  return join(dataDir, 'development-passphrase');
}

function readPassphrase(values: Values, mode: string, root: string, mistakes: string[]): string | undefined {
  const direct = values.MLAPI_KEY_PASSPHRASE as string | undefined;
  let file = values.MLAPI_KEY_PASSPHRASE_FILE as string | undefined;
  if (direct !== undefined && file !== undefined) {
    mistakes.push('MLAPI_KEY_PASSPHRASE and MLAPI_KEY_PASSPHRASE_FILE exclude each other');
  }
  if (direct !== undefined) return direct;
  const dataDir = values.MLAPI_DATA_DIR as string | undefined;
  if (file === undefined && dataDir !== undefined && mode !== 'production') {
    const made = developmentPassphraseFile(resolve(root, dataDir));
    if (existsSync(made)) file = made;
  }
  if (file === undefined) {
    if (mode === 'production')
      mistakes.push('MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required in production');
    return undefined;
  }
  const passphrase = readSecretFile('MLAPI_KEY_PASSPHRASE_FILE', file, root, mistakes)?.trim();
  if (passphrase !== undefined && passphrase.length < 16)
    mistakes.push('MLAPI_KEY_PASSPHRASE_FILE must hold at least 16 characters');
  return passphrase;
}

function readTokens(values: Values, root: string, mistakes: string[]): readonly RemoteToken[] {
  const file = values.MLAPI_REMOTE_TOKENS_FILE as string | undefined;
  const text = file === undefined ? '' : readSecretFile('MLAPI_REMOTE_TOKENS_FILE', file, root, mistakes);
  const servers = (values.MLAPI_REMOTE_SERVERS as string[] | undefined) ?? [];
  return Object.freeze(readRemoteTokens(text ?? '', servers, mistakes));
}

/** Without one, tokens of this service could not be told from those of another, and no OAuth library would find its metadata. */
function checkIssuer({ MLAPI_ISSUER: given }: NodeJS.ProcessEnv, mode: string, mistakes: string[]): void {
  if (mode !== 'production' || (given !== undefined && given !== '')) return;
  mistakes.push(
    'MLAPI_ISSUER is required in production: the URL at which clients reach the service, such as https://api.example.com',
  );
}

function checkTogether(values: Values, mistakes: string[]): void {
  const accessTtl = values.MLAPI_ACCESS_TTL_SECONDS as number;
  const idle = values.MLAPI_REFRESH_TTL_SECONDS as number;
  const absolute = values.MLAPI_REFRESH_MAX_TTL_SECONDS as number;
  if (idle > absolute) mistakes.push('MLAPI_REFRESH_TTL_SECONDS must not exceed MLAPI_REFRESH_MAX_TTL_SECONDS');
  if (accessTtl > idle) mistakes.push('MLAPI_ACCESS_TTL_SECONDS must not exceed MLAPI_REFRESH_TTL_SECONDS');
}

function toConfig(
  values: Values,
  environment: Config['environment'],
  keyPassphrase: string | undefined,
  root: string,
): Omit<Config, 'remoteTokens'> {
  const text = (name: string) => values[name] as string;
  const number = (name: string) => values[name] as number;
  const isDevelopment = environment === 'development';
  const proxy = text('MLAPI_TRUST_PROXY');
  const place = {
    host: text('MLAPI_HOST'),
    port: number('MLAPI_PORT'),
    socket: values.MLAPI_SOCKET as string | undefined,
  };
  return {
    environment,
    ...place,
    workers: text('MLAPI_WORKERS') === 'auto' ? availableParallelism() : Number(text('MLAPI_WORKERS')),
    dataDir: resolve(root, text('MLAPI_DATA_DIR')),
    databaseUrl: values.MLAPI_DATABASE_URL as string | undefined,
    redisUrl: values.MLAPI_REDIS_URL as string | undefined,
    modelsDir: resolve(root, text('MLAPI_MODELS_DIR')),
    defaultModel: values.MLAPI_DEFAULT_MODEL as string | undefined,
    remoteServers: Object.freeze((values.MLAPI_REMOTE_SERVERS as string[] | undefined) ?? []),
    issuer: (values.MLAPI_ISSUER as string | undefined) ?? localUrl(place),
    audience: text('MLAPI_AUDIENCE'),
    accessTtlSeconds: number('MLAPI_ACCESS_TTL_SECONDS'),
    refreshTtlSeconds: number('MLAPI_REFRESH_TTL_SECONDS'),
    refreshMaxTtlSeconds: number('MLAPI_REFRESH_MAX_TTL_SECONDS'),
    refreshGraceSeconds: number('MLAPI_REFRESH_GRACE_SECONDS'),
    resetOnce: values.MLAPI_RESET_ONCE as boolean,
    keyBits: number('MLAPI_KEY_BITS'),
    keyPassphrase,
    trustProxy: /^\d$/.test(proxy) ? Number(proxy) : proxy,
    corsOrigins: Object.freeze((values.MLAPI_CORS_ORIGINS as string[] | undefined) ?? []),
    bodyLimitBytes: number('MLAPI_BODY_LIMIT_BYTES'),
    maxRows: number('MLAPI_MAX_ROWS'),
    predictTimeoutMs: number('MLAPI_PREDICT_TIMEOUT_MS'),
    modelLimitBytes: number('MLAPI_MODEL_LIMIT_BYTES'),
    modelMemoryBytes: number('MLAPI_MODEL_MEMORY_BYTES'),
    modelsMemoryBytes: number('MLAPI_MODELS_MEMORY_BYTES'),
    clientModels: number('MLAPI_CLIENT_MODELS'),
    clientModelsBytes: number('MLAPI_CLIENT_MODELS_BYTES'),
    rateLimitPerMinute: number('MLAPI_RATE_LIMIT_PER_MINUTE'),
    authRateLimitPerMinute: number('MLAPI_AUTH_RATE_LIMIT_PER_MINUTE'),
    metricsPort: values.MLAPI_METRICS_PORT as number | undefined,
    otlpEndpoint: values.MLAPI_OTLP_ENDPOINT as string | undefined,
    otlpIntervalSeconds: number('MLAPI_OTLP_INTERVAL_SECONDS'),
    docs: (values.MLAPI_DOCS as boolean | undefined) ?? isDevelopment,
    logLevel: values.MLAPI_LOG_LEVEL as Config['logLevel'],
    logFormat: (values.MLAPI_LOG_FORMAT as Config['logFormat'] | undefined) ?? (isDevelopment ? 'pretty' : 'json'),
  };
}
