import winston from 'winston';
import type { Config } from '../config/config.ts';
import { toLoggable } from './loggable.ts';

export type Logger = winston.Logger;

/** Logs to standard output, one line an event; in JSON, unless the configuration asks for text for people. */
export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  return winston.createLogger({
    level: logLevel === 'silent' ? 'error' : logLevel,
    silent: logLevel === 'silent',
    format: winston.format.combine(
      sanitize(),
      winston.format.printf(logFormat === 'json' ? jsonLine : prettyLine),
    ),
    transports: [new winston.transports.Console()],
  });
}

const sanitize = winston.format((info) => {
  // winston's own symbols (level, message, splat) are kept: the transports read them.
  for (const name of Object.keys(info)) if (name !== 'level') info[name] = toLoggable({ [name]: info[name] });
  return info;
});

function fieldsOf(info: winston.Logform.TransformableInfo): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, wrapped] of Object.entries(info)) if (name !== 'level') Object.assign(fields, wrapped);
  return fields;
}

function jsonLine(info: winston.Logform.TransformableInfo): string {
  const line = JSON.stringify({ time: new Date().toISOString(), level: info.level, ...fieldsOf(info) });
  // Legal in JSON, yet some log readers take them for line ends.
  return line.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029');
}

function prettyLine(info: winston.Logform.TransformableInfo): string {
  const { message, ...fields } = fieldsOf(info);
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const line = [new Date().toISOString().slice(11, 19), info.level, String(message), ...shown].join(' ');
  // eslint-disable-next-line no-control-regex -- control characters in a request must not steer a terminal
  return line.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}
