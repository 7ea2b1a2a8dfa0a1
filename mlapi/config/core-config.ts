import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { localUrl } from './base-url.ts';
import { coreVariables } from './core-variables.ts';
import { readSecretFile } from './secret-files.ts';
import type { Environment, Reading, Values, VariableGroup } from './variable.ts';

/** Configuration of a service without features. Durations have their unit in the name. */
export interface CoreConfig {
  readonly environment: Environment;
  readonly host: string;
  readonly port: number;
  readonly socket: string | undefined;
  readonly dataDir: string;
  readonly modelsDir: string;
  readonly defaultModel: string | undefined;
  /** URL of the service without a path. */
  readonly issuer: string;
  readonly audience: string;
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly refreshMaxTtlSeconds: number;
  readonly refreshGraceSeconds: number;
  readonly resetOnce: boolean;
  readonly keyBits: number;
  /** Undefined for commands that need no keys; the key manager refuses to open without it. */
  readonly keyPassphrase: string | undefined;
  readonly trustProxy: string | number;
  readonly corsOrigins: readonly string[];
  readonly bodyLimitBytes: number;
  readonly maxRows: number;
  readonly predictTimeoutMs: number;
  readonly rateLimitPerMinute: number;
  readonly authRateLimitPerMinute: number;
  /** Port for Prometheus on 127.0.0.1. 0: chosen by the system. Undefined: no metrics. */
  readonly metricsPort: number | undefined;
  readonly docs: boolean;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug' | 'silent';
  readonly logFormat: 'json' | 'pretty';
}

/** Environment variables of a service without features. */
export const coreGroup: VariableGroup<CoreConfig> = {
  variables: coreVariables,
  read: (values, reading) => {
    const keyPassphrase = readPassphrase(values, reading);
    checkIssuer(reading);
    checkTogether(values, reading);
    return { ...toConfig(values, reading), keyPassphrase };
  },
};

/** File in which `npm run dev` stores its generated passphrase; never read in production. */
export function developmentPassphraseFile(dataDir: string): string {
  return join(dataDir, 'development-passphrase');
}

function readPassphrase(values: Values, { environment, root, mistakes }: Reading): string | undefined {
  const direct = values.optional('MLAPI_KEY_PASSPHRASE');
  let file = values.optional('MLAPI_KEY_PASSPHRASE_FILE');
  if (direct !== undefined && file !== undefined) {
    mistakes.push('MLAPI_KEY_PASSPHRASE and MLAPI_KEY_PASSPHRASE_FILE exclude each other');
  }
  if (direct !== undefined) return direct;
  const dataDir = values.optional('MLAPI_DATA_DIR');
  if (file === undefined && dataDir !== undefined && environment !== 'production') {
    const made = developmentPassphraseFile(resolve(root, dataDir));
    if (existsSync(made)) file = made;
  }
  if (file === undefined) {
    if (environment === 'production')
      mistakes.push('MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required in production');
    return undefined;
  }
  const passphrase = readSecretFile('MLAPI_KEY_PASSPHRASE_FILE', file, root, mistakes)?.trim();
  if (passphrase !== undefined && passphrase.length < 16)
    mistakes.push('MLAPI_KEY_PASSPHRASE_FILE must hold at least 16 characters');
  return passphrase;
}

/** Without an issuer, tokens could not be told apart from those of other services, and OAuth libraries would not find the metadata. */
function checkIssuer({ environment, isSet, mistakes }: Reading): void {
  if (environment !== 'production' || isSet('MLAPI_ISSUER')) return;
  mistakes.push(
    'MLAPI_ISSUER is required in production: the URL at which clients reach the service, such as https://api.example.com',
  );
}

function checkTogether(values: Values, { mistakes }: Reading): void {
  const accessTtl = values.number('MLAPI_ACCESS_TTL_SECONDS');
  const idle = values.number('MLAPI_REFRESH_TTL_SECONDS');
  const absolute = values.number('MLAPI_REFRESH_MAX_TTL_SECONDS');
  if (idle > absolute) mistakes.push('MLAPI_REFRESH_TTL_SECONDS must not exceed MLAPI_REFRESH_MAX_TTL_SECONDS');
  if (accessTtl > idle) mistakes.push('MLAPI_ACCESS_TTL_SECONDS must not exceed MLAPI_REFRESH_TTL_SECONDS');
}

function toConfig(values: Values, { environment, root }: Reading): Omit<CoreConfig, 'keyPassphrase'> {
  const isDevelopment = environment === 'development';
  const proxy = values.text('MLAPI_TRUST_PROXY');
  const place = {
    host: values.text('MLAPI_HOST'),
    port: values.number('MLAPI_PORT'),
    socket: values.optional('MLAPI_SOCKET'),
  };
  return {
    environment,
    ...place,
    dataDir: resolve(root, values.text('MLAPI_DATA_DIR')),
    modelsDir: resolve(root, values.text('MLAPI_MODELS_DIR')),
    defaultModel: values.optional('MLAPI_DEFAULT_MODEL'),
    issuer: values.optional('MLAPI_ISSUER') ?? localUrl(place),
    audience: values.text('MLAPI_AUDIENCE'),
    accessTtlSeconds: values.number('MLAPI_ACCESS_TTL_SECONDS'),
    refreshTtlSeconds: values.number('MLAPI_REFRESH_TTL_SECONDS'),
    refreshMaxTtlSeconds: values.number('MLAPI_REFRESH_MAX_TTL_SECONDS'),
    refreshGraceSeconds: values.number('MLAPI_REFRESH_GRACE_SECONDS'),
    resetOnce: (values.get('MLAPI_RESET_ONCE') as boolean | undefined) ?? true,
    keyBits: values.number('MLAPI_KEY_BITS'),
    trustProxy: /^\d$/.test(proxy) ? Number(proxy) : proxy,
    corsOrigins: values.list('MLAPI_CORS_ORIGINS'),
    bodyLimitBytes: values.number('MLAPI_BODY_LIMIT_BYTES'),
    maxRows: values.number('MLAPI_MAX_ROWS'),
    predictTimeoutMs: values.number('MLAPI_PREDICT_TIMEOUT_MS'),
    rateLimitPerMinute: values.number('MLAPI_RATE_LIMIT_PER_MINUTE'),
    authRateLimitPerMinute: values.number('MLAPI_AUTH_RATE_LIMIT_PER_MINUTE'),
    metricsPort: values.get('MLAPI_METRICS_PORT') as number | undefined,
    docs: (values.get('MLAPI_DOCS') as boolean | undefined) ?? isDevelopment,
    logLevel: (values.get('MLAPI_LOG_LEVEL') as CoreConfig['logLevel'] | undefined) ?? 'info',
    logFormat:
      (values.get('MLAPI_LOG_FORMAT') as CoreConfig['logFormat'] | undefined) ?? (isDevelopment ? 'pretty' : 'json'),
  };
}
