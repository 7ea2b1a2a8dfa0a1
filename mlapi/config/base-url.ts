/** Normalises a base URL for comparison: without default port and trailing slash. Undefined if it is not a base URL. */
export function normaliseBaseUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^?#\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, username, password } = new URL(text);
  return username === '' && password === '' ? origin + withoutSlashAtEnd(pathname) : undefined;
}

/** Whether the value is an http(s) base URL that is safe to log: without credentials, query or fragment. */
export function isBaseUrl(value: string): boolean {
  if (!/^https?:\/\/[^?#\s]+$/.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

/** Removes all trailing slashes. */
export function withoutSlashAtEnd(text: string): string {
  let end = text.length;
  while (text.charAt(end - 1) === '/') end -= 1;
  return text.slice(0, end);
}

const usualPort = 8080;

/** URL of a service as seen from this machine. Behind a proxy, the public URL differs. */
export function localUrl({ host, port, socket }: { host: string; port: number; socket: string | undefined }): string {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = socket !== undefined || isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${socket !== undefined || port === 0 ? usualPort : port}`;
}
