/** A base URL as it is compared: without the scheme's own port, and without a slash at the end. Undefined for what is none. */
export function normaliseBaseUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^?#\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, username, password } = new URL(text);
  return username === '' && password === '' ? origin + withoutSlashAtEnd(pathname) : undefined;
}

/** Whether it is a base URL that may stand in a log, and that a path may follow: http:// or https://, and no password in it. */
export function isBaseUrl(value: string): boolean {
  if (!/^https?:\/\/[^?#\s]+$/.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

/** The text without any slashes at its end. */
export function withoutSlashAtEnd(text: string): string {
  let end = text.length;
  while (text.charAt(end - 1) === '/') end -= 1;
  return text.slice(0, end);
}

const usualPort = 8080;

/** Where people on this machine find a service; behind a proxy, they know better. */
export function localUrl({ host, port, socket }: { host: string; port: number; socket: string | undefined }): string {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = socket !== undefined || isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${socket !== undefined || port === 0 ? usualPort : port}`;
}
