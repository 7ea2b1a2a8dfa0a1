import { redactTokens } from './redaction.ts';

const maxDepth = 6;
const maxEntries = 50;
const maxValues = 500;
const maxTextLength = 2_000;
const secretName = /authorization|password|passphrase|secret|cookie|token$|private/i;
/** Text is scanned for tokens only if it is at least this long and contains `.` or `eyJ`. */
const shortestToken = 11;
const isSuspect = (text: string) => text.length >= shortestToken && (text.includes('.') || text.includes('eyJ'));

/** State of one call. An object met again inside itself is a cycle. */
interface Walk {
  readonly inside: Set<object>;
  valuesLeft: number;
}

/**
 * Returns a copy of any value that is safe to log: secrets are redacted by name, tokens by form; length, depth, width and number of values
 * are bounded; values that JSON cannot represent become text. Never throws.
 */
export function toLoggable(value: unknown): unknown {
  return copy(value, { inside: new Set(), valuesLeft: maxValues });
}

function copy(value: unknown, walk: Walk): unknown {
  if (typeof value !== 'object' || value === null) return copyPrimitive(value);
  if (walk.inside.has(value)) return '[circular]';
  if (walk.inside.size >= maxDepth) return '[deep]';
  walk.inside.add(value);
  try {
    return copyObject(value, walk);
  } catch {
    return '[unreadable]';
  } finally {
    walk.inside.delete(value);
  }
}

function copyPrimitive(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return redactText(`${value}n`);
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    default:
      return value;
  }
}

function copyObject(value: object, walk: Walk): unknown {
  if (value instanceof Date) return value.toJSON();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const items = value.slice(0, Math.min(maxEntries, walk.valuesLeft)) as unknown[];
    walk.valuesLeft -= items.length;
    return items.map((item) => copy(item, walk));
  }
  const source = value instanceof Error ? errorFields(value) : value;
  const names = Object.keys(source).slice(0, Math.min(maxEntries, walk.valuesLeft));
  walk.valuesLeft -= names.length;
  return Object.fromEntries(names.map((name) => [redactText(name), copyField(source, name, walk)]));
}

function copyField(source: object, name: string, walk: Walk): unknown {
  if (secretName.test(name)) return '[redacted]';
  try {
    return copy((source as Record<string, unknown>)[name], walk);
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

/** Shortens the text and removes tokens. */
export function redactText(text: string): string {
  const bounded = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}...` : text;
  return isSuspect(bounded) ? redactTokens(bounded) : bounded;
}
