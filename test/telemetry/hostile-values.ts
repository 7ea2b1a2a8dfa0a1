/** Run as a process by the logger's test: logs each value twice, then prints that it finished. */
import { createLogger } from '../../mlapi/telemetry/logger.ts';

const format = process.argv[2] === 'pretty' ? 'pretty' : 'json';
const logger = createLogger({ logLevel: 'debug', logFormat: format });

const circular: Record<string, unknown> = {};
for (let index = 0; index < 60; index += 1) circular[`self${index}`] = circular;
let deep: unknown = 'bottom';
for (let depth = 0; depth < 100_000; depth += 1) deep = { deep };
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const thrower = () => {
  throw new Error('must not be read');
};
const wide = (depth: number): unknown => (depth === 0 ? 'leaf' : Array.from({ length: 30 }, () => wide(depth - 1)));

const values: unknown[] = [
  'CR LF \r\n, U+2028 \u2028, U+2029 \u2029, ANSI \u001b[31m, C1 \u009b31m, NUL \u0000, lone \ud800',
  '%s %d %j %o %%',
  'x'.repeat(1_000_000),
  10n,
  NaN,
  Symbol('symbol'),
  thrower,
  undefined,
  circular,
  deep,
  wide(4),
  {
    get field() {
      return thrower();
    },
  },
  new Proxy({}, { ownKeys: thrower, get: thrower }),
  revoked.proxy,
  { toJSON: thrower, toString: thrower },
  Object.defineProperty(new Error('broken'), 'code', { get: thrower }),
  Object.defineProperty(new Error('broken'), 'stack', { get: thrower }),
  new Date(NaN),
  new Map([[1, 2]]),
  Buffer.from('bytes'),
  JSON.parse('{"__proto__": {"level": "error"}, "constructor": 1}'),
  { message: 'other', level: 'error', time: 'never' },
];
for (const value of values) {
  logger.info('value', { value });
  logger.info(typeof value === 'string' ? value : 'top level', value as object);
}
process.stdout.write(`${values.length} values\n`);
