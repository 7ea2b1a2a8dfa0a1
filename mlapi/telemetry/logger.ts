import winston from 'winston';
import type { CoreConfig } from '../config/core-config.ts';
import { redactText, toLoggable } from './loggable.ts';

/** Most bytes buffered for a slow or stalled log reader; further lines are dropped and counted. */
const maxWaitingBytes = 1_048_576;
const exitLimitMs = 1_000;
/** How long frequent lines are collected before they are written, in milliseconds. Only a sudden death of the process loses them. */
const gatherMs = 5;
const lineSeparators = /[\u2028\u2029]/;
let lastTime = { ms: NaN, text: '' };

type Level = 'error' | 'warn' | 'info' | 'debug';

/**
 * Writes one line per event to standard output. Fields are copied into a safe form first, because winston reads, merges and interpolates
 * what it is given.
 */
export class Logger {
  /** Called with the number of lines dropped since the last call. */
  onDropped: (lines: number) => void = () => undefined;
  readonly #winston: winston.Logger;
  readonly #often: FrequentLines | undefined;
  readonly #waitingBytes: () => number;
  readonly #tellsInfo: boolean;
  #dropped = 0;

  /**
   * @param waitingBytes returns the bytes that the log reader has not taken yet
   * @param often writer for `logOften`; without it, `logOften` is the same as `log`
   */
  constructor(logger: winston.Logger, waitingBytes: () => number = () => 0, often?: FrequentLines) {
    this.#winston = logger;
    this.#waitingBytes = waitingBytes;
    this.#often = often;
    this.#tellsInfo = logger.isLevelEnabled('info') && !logger.silent;
  }

  log(level: Level, message: string, fields: object = {}): void {
    if (this.#isFull()) return;
    this.tellDropped();
    this.#write(level, message, fields);
  }

  /** Like `log`, for lines that every request causes: bypasses winston and writes the lines of a few milliseconds together. */
  logOften(level: Level, message: string, fields: FlatFields): void {
    if (this.#often === undefined || level !== 'info') this.log(level, message, fields);
    else if (this.#tellsInfo && !this.#isFull()) {
      this.tellDropped();
      this.#often.add(level, message, fields);
    }
  }

  /** Logs the number of lines dropped since the last report. Call it before the process exits. */
  tellDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.onDropped(lines);
    this.#write('error', 'log lines were dropped because the log reader is too slow', { lines });
  }

  error(message: string, fields?: object): void {
    this.log('error', message, fields);
  }

  info(message: string, fields?: object): void {
    this.log('info', message, fields);
  }

  #isFull(): boolean {
    if (this.#waitingBytes() <= maxWaitingBytes) return false;
    this.#dropped += 1;
    return true;
  }

  #write(level: Level, message: string, fields: object): void {
    this.#often?.flush();
    this.#winston.log({ level, message: toLoggable(message) as string, fields: toLoggable(fields) });
  }
}

/** Logs JSON, or text for people if so configured. */
export function createLogger({ logLevel, logFormat }: Pick<CoreConfig, 'logLevel' | 'logFormat'>): Logger {
  const format = logFormat === 'json' ? jsonLine : prettyLine;
  const often = new FrequentLines(
    logFormat === 'json' ? flatJsonLine : (line) => prettyLine({ ...line, fields: toLoggable(line.fields) }),
    (text) => process.stdout.write(text),
  );
  return new Logger(
    winston.createLogger({
      level: logLevel === 'silent' ? 'error' : logLevel,
      silent: logLevel === 'silent',
      format: winston.format.printf(format),
      transports: [new winston.transports.Console()],
    }),
    () => process.stdout.writableLength,
    often,
  );
}

/** Fields with plain values. */
export type FlatFields = Readonly<Record<string, string | number | boolean | undefined>>;

interface FlatLine extends Line {
  readonly message: string;
  /** Their names come from the code: they need no escape and cannot be the line's own. */
  readonly fields: FlatFields;
}

interface Line {
  readonly level: string;
  readonly message: unknown;
  readonly fields?: unknown;
}

/** Collects lines and writes them together: a few milliseconds after the first one, or before any other line. */
class FrequentLines {
  readonly #format: (line: FlatLine) => string;
  readonly #writeText: (text: string) => void;
  #waiting = '';

  constructor(format: (line: FlatLine) => string, writeText: (text: string) => void) {
    this.#format = format;
    this.#writeText = writeText;
  }

  add(level: Level, message: string, fields: FlatFields): void {
    if (this.#waiting === '') {
      unwritten.add(this);
      setTimeout(() => this.flush(), gatherMs).unref();
    }
    this.#waiting += `${this.#format({ level, message, fields })}\n`;
  }

  flush(): void {
    const text = this.#waiting;
    this.#waiting = '';
    unwritten.delete(this);
    if (text !== '') this.#writeText(text);
  }
}

const unwritten = new Set<FrequentLines>();
// Flush at exit, so that the log contains every answered request.
process.on('exit', () => {
  for (const lines of unwritten) lines.flush();
});

/** Exits the process once the log reader has taken everything, but after a second at the latest. */
export function exitAfterLog(code: number): void {
  setTimeout(() => process.exit(code), exitLimitMs);
  process.stdout.write('', () => process.exit(code));
}

function jsonLine({ level, message, fields }: Line): string {
  // First for readability, and last because no field may override them.
  const own = { time: isoTime(), level, message };
  return endLines(JSON.stringify({ ...own, ...(fields as object), ...own }));
}

/** The same text as of `jsonLine`, built without an object: every request has such a line. */
export function flatJsonLine({ level, message, fields }: FlatLine): string {
  let line = `{"time":"${isoTime()}","level":"${level}","message":"${message}"`;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string') line += `,"${name}":${quote(redactText(value))}`;
    else if (value !== undefined) line += `,"${name}":${JSON.stringify(value)}`;
  }
  return `${line}}`;
}

/** Printable ASCII without the characters that JSON escapes. */
const plainText = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quote(text: string): string {
  return plainText.test(text) ? `"${text}"` : endLines(JSON.stringify(text));
}

function endLines(line: string): string {
  // Legal in JSON, but some log readers treat them as line breaks.
  return lineSeparators.test(line) ? line.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029') : line;
}

/** Lines of the same millisecond share the formatted time. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime.ms) lastTime = { ms: now, text: new Date(now).toISOString() };
  return lastTime.text;
}

function prettyLine({ level, message, fields }: Line): string {
  const shown = Object.entries({ ...(fields as object) }).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const line = [new Date().toISOString().slice(11, 19), level, String(message), ...shown].join(' ');
  // eslint-disable-next-line no-control-regex -- control characters in a request must not steer a terminal
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}
