import winston from 'winston';
import type { Config } from '../config/config.ts';
import { toLoggable } from './loggable.ts';

/** What may wait for a reader of the log that is slow, or stands still; more is dropped, and counted. */
const maxWaitingBytes = 1_048_576;
const exitLimitMs = 1_000;

type Level = 'error' | 'warn' | 'info' | 'debug';

/**
 * Writes one line an event to standard output. Whatever the fields hold, they are copied into something safe before winston
 * sees them: it reads, merges and interpolates what it is given.
 */
export class Logger {
  readonly #winston: winston.Logger;
  readonly #waitingBytes: () => number;
  #dropped = 0;

  /** @param waitingBytes how much the log's reader has not taken yet */
  constructor(logger: winston.Logger, waitingBytes: () => number = () => 0) {
    this.#winston = logger;
    this.#waitingBytes = waitingBytes;
  }

  log(level: Level, message: string, fields: object = {}): void {
    if (this.#waitingBytes() > maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.tellDropped();
    this.#write(level, message, fields);
  }

  /** Says how many lines were dropped since it was last said; before the end of the process nothing else would. */
  tellDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#write('error', 'log lines were dropped: their reader was too slow', { lines });
  }

  error(message: string, fields?: object): void {
    this.log('error', message, fields);
  }

  info(message: string, fields?: object): void {
    this.log('info', message, fields);
  }

  #write(level: Level, message: string, fields: object): void {
    this.#winston.log({ level, message: toLoggable(message) as string, fields: toLoggable(fields) });
  }
}

/** Logs in JSON, unless the configuration asks for text for people. */
export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  return new Logger(
    winston.createLogger({
      level: logLevel === 'silent' ? 'error' : logLevel,
      silent: logLevel === 'silent',
      format: winston.format.printf(logFormat === 'json' ? jsonLine : prettyLine),
      transports: [new winston.transports.Console()],
    }),
    () => process.stdout.writableLength,
  );
}

/** Ends the process once the log's reader has taken what waits for it; one that takes nothing holds the end up for a second. */
export function exitAfterLog(code: number): void {
  setTimeout(() => process.exit(code), exitLimitMs);
  process.stdout.write('', () => process.exit(code));
}

function jsonLine({ level, message, fields }: winston.Logform.TransformableInfo): string {
  // Before the fields for the reader, and after them because no field may stand in their place.
  const own = { time: new Date().toISOString(), level, message };
  const line = JSON.stringify({ ...own, ...(fields as object), ...own });
  // Legal in JSON, yet some log readers take them for line ends.
  return line.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029');
}

function prettyLine({ level, message, fields }: winston.Logform.TransformableInfo): string {
  const shown = Object.entries({ ...(fields as object) }).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const line = [new Date().toISOString().slice(11, 19), level, String(message), ...shown].join(' ');
  // eslint-disable-next-line no-control-regex -- control characters in a request must not steer a terminal
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}
