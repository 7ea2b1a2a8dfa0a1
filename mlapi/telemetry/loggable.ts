const maxDepth = 6;
const maxEntries = 50;
const maxTextLength = 2_000;
const secretName = /authorization|password|passphrase|secret|cookie|(?:^|_)token$|private/i;
const jwt = /[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*/g;

/**
 * A copy of any value that is safe to log: secrets are redacted by name, tokens by form; text, depth and width are bounded;
 * what JSON cannot hold becomes text. Never throws, whatever the value does.
 */
export function toLoggable(value: unknown, depth = 0): unknown {
  try {
    return copy(value, depth);
  } catch {
    return '[unreadable]';
  }
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value === null || typeof value === 'boolean' || value === undefined) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object')
    return redactText(typeof value === 'bigint' ? `${value}n` : `[${typeof value}]`);
  if (depth >= maxDepth) return '[deep]';
  if (value instanceof Date) return value.toJSON();
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((item) => toLoggable(item, depth + 1));
  const source = value instanceof Error ? errorFields(value) : value;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(source).slice(0, maxEntries)) {
    result[name] = secretName.test(name) ? '[redacted]' : readField(source, name, depth);
  }
  return result;
}

function readField(source: object, name: string, depth: number): unknown {
  try {
    return toLoggable((source as Record<string, unknown>)[name], depth + 1);
  } catch {
    return '[unreadable]';
  }
}

function errorFields(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    ...('code' in error && { code: error.code }),
    stack,
    ...(cause !== undefined && { cause }),
  };
}

function redactText(text: string): string {
  const bounded = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}...` : text;
  return bounded.replace(jwt, '[token]');
}
