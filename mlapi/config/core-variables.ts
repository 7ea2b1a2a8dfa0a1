import { isIP } from 'node:net';
import Joi from 'joi';
import { integer, refusing, text, variable, type Variable } from './variable.ts';

const trustedProxy = text.custom(refusing(isTrustedProxy)).messages({
  'any.invalid': '{{#label}} must list addresses, subnets or "loopback", or count hops',
});

const origin = text.custom(refusing(isOrigin)).messages({
  'any.invalid': '{{#label}} must list exact origins such as https://app.example.com',
});

const issuer = text.custom(refusing(isIssuer)).messages({
  'any.invalid':
    '{{#label}} must be the URL of the service: https://, or http:// for this machine alone, and a host in lower case, without path, query or fragment',
});

/** Variables of a service without features. */
export const coreVariables: readonly Variable[] = [
  variable('MLAPI_HOST', text.hostname(), '127.0.0.1', 'address to listen on'),
  variable('MLAPI_PORT', integer(0, 65535), '8080', 'TCP port to listen on; 0 lets the system choose'),
  variable('MLAPI_SOCKET', text.max(100), '', 'Unix socket to listen on instead (what Nginx uses)'),
  variable('MLAPI_DATA_DIR', text, './var', 'where the database lies'),
  variable('MLAPI_MODELS_DIR', text, './resources/models', 'model folders loaded at start'),
  variable('MLAPI_DEFAULT_MODEL', text, '', 'what `/api/ml` serves; unset: the only model, else `nsl-kdd-classifier`'),
  variable(
    'MLAPI_ISSUER',
    issuer,
    '',
    "`iss` of the tokens: the service's own URL, `https://host`, at which OAuth libraries find it; required in production, in development its address on this machine",
  ),
  variable('MLAPI_AUDIENCE', text, 'mlapi', '`aud` of the access tokens'),
  variable('MLAPI_ACCESS_TTL_SECONDS', integer(10, 86_400), '900', 'lifetime of an access token'),
  variable('MLAPI_REFRESH_TTL_SECONDS', integer(10, 31_536_000), '86400', 'idle lifetime of a token family'),
  variable('MLAPI_REFRESH_MAX_TTL_SECONDS', integer(10, 31_536_000), '2592000', 'maximum lifetime of a token family'),
  variable(
    'MLAPI_REFRESH_GRACE_SECONDS',
    integer(0, 60),
    '0',
    '0: strict single use; otherwise a retry with the last used token gets the same successor',
  ),
  variable(
    'MLAPI_RESET_ONCE',
    Joi.boolean(),
    'true',
    "a client's password works once at `/auth/reset`, then only tokens do",
  ),
  variable('MLAPI_KEY_BITS', integer(2048, 4096).multiple(8), '3072', 'RSA modulus of new keys'),
  variable('MLAPI_KEY_PASSPHRASE', Joi.string().min(16).max(1024), '', 'encrypts the private keys at rest'),
  variable(
    'MLAPI_KEY_PASSPHRASE_FILE',
    text.max(4096),
    '',
    'file that holds the passphrase; one of the two is required',
  ),
  variable('MLAPI_TRUST_PROXY', trustedProxy, 'loopback', "as Express's `trust proxy`; `true` is refused"),
  variable(
    'MLAPI_CORS_ORIGINS',
    Joi.array().items(origin),
    '',
    'exact origins that browsers may call from, comma-separated',
  ),
  variable('MLAPI_BODY_LIMIT_BYTES', integer(1024, 268_435_456), '1048576', 'maximum size of a request body'),
  variable('MLAPI_MAX_ROWS', integer(1, 1_000_000), '10000', 'maximum rows in one prediction'),
  variable(
    'MLAPI_PREDICT_TIMEOUT_MS',
    integer(10, 600_000),
    '10000',
    'time limit of a prediction, including its time in the queue',
  ),
  variable('MLAPI_RATE_LIMIT_PER_MINUTE', integer(1, 10_000_000), '6000', 'requests per client on `/api`'),
  variable('MLAPI_AUTH_RATE_LIMIT_PER_MINUTE', integer(1, 1_000_000), '30', 'requests per address on `/auth`'),
  variable(
    'MLAPI_METRICS_PORT',
    integer(0, 65535),
    '',
    'port for Prometheus on 127.0.0.1, `/metrics`; unset: none; 0 lets the system choose',
  ),
  variable(
    'MLAPI_DOCS',
    Joi.boolean(),
    '',
    '`/api/docs` and `/api/openapi.json`; on in development, off in production',
  ),
  variable(
    'MLAPI_LOG_LEVEL',
    Joi.valid('error', 'warn', 'info', 'debug', 'silent'),
    'info',
    'minimum severity that is logged',
  ),
  variable('MLAPI_LOG_FORMAT', Joi.valid('json', 'pretty'), '', '`json`; `pretty` in development'),
];

/** Rejects values that Express would reject at start, and values that would trust every client. */
function isTrustedProxy(value: string): boolean {
  return /^\d$/.test(value) || value.split(',').every((item) => isSubnet(item.trim()));
}

function isSubnet(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true;
  const [address = '', prefix, ...rest] = item.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  if (bits === undefined || address.includes('%') || rest.length > 0) return false;
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits);
}

/** RFC 8414 section 2. Without a path, because the metadata of an issuer with a path has another address. */
function isIssuer(value: string): boolean {
  if (!isOrigin(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** Whether the value is an origin exactly as browsers send it: lower case, without the default port. */
function isOrigin(value: string): boolean {
  return /^https?:\/\/[^*]+$/.test(value) && URL.canParse(value) && new URL(value).origin === value;
}
