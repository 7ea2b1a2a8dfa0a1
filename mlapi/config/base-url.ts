/** A base URL as it is compared: without the scheme's own port, and without a slash at the end. Undefined for what is none. */
export function normaliseBaseUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^?#\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, username, password } = new URL(text);
  return username === '' && password === '' ? origin + pathname.replace(/\/+$/, '') : undefined;
}
