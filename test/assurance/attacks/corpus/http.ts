// Malformed requests as bytes, with the status that each gets.

export const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
export const chunked = 'Transfer-Encoding: chunked';
export const chunks = `7\r\n[[1,2]]\r\n0\r\n\r\n`;

/** Name, framing headers, body, status. */
export const doubtful: [string, string, string, number][] = [
  ['a length and chunks', `Content-Length: 5\r\n${chunked}`, chunks, 400],
  ['chunks and a length', `${chunked}\r\nContent-Length: 5`, chunks, 400],
  ['two equal transfer codings', `${chunked}\r\n${chunked}`, chunks, 400],
  ['chunked before identity', `${chunked}, identity`, chunks, 400],
  ['chunked and an empty coding', `${chunked},`, chunks, 400],
  ['a coding after a vertical tab', 'Transfer-Encoding: \x0bchunked', chunks, 400],
  ['a header name with a trailing space', 'Transfer-Encoding : chunked', chunks, 400],
  ['a folded transfer coding', 'Transfer-Encoding:\r\n chunked', chunks, 400],
  ['an unknown coding', 'Transfer-Encoding: xchunked', chunks, 501],
  ['identity as a coding', 'Transfer-Encoding: identity', chunks, 501],
  ['gzip before chunked', 'Transfer-Encoding: gzip, chunked', chunks, 501],
  ['a quoted coding', 'Transfer-Encoding: "chunked"', chunks, 501],
  ['an empty coding', 'Transfer-Encoding:', chunks, 501],
  ['a length with a sign', 'Content-Length: +5', '[[1]]', 400],
  ['a negative length', 'Content-Length: -5', '[[1]]', 400],
  ['a list of lengths', 'Content-Length: 5, 5', '[[1]]', 400],
  ['two equal lengths', 'Content-Length: 5\r\nContent-Length: 5', '[[1]]', 400],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 0', '[[1]]', 400],
  ['a hexadecimal length', 'Content-Length: 0x5', '[[1]]', 400],
  ['a length in two words', 'Content-Length: 5 5', '[[1]]', 400],
  ['an empty length', 'Content-Length:', '[[1]]', 400],
  ['a length over 64 bits', 'Content-Length: 99999999999999999999', '[[1]]', 400],
  ['a length over 53 bits', 'Content-Length: 9007199254740993', '[[1]]', 413],
  ['a chunk size over 64 bits', chunked, 'fffffffffffffffff\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a negative chunk size', chunked, '-1\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk size with 0x', chunked, '0x5\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk size with a space', chunked, '5 \r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk that is longer than its size', chunked, '5\r\n[[1]]XX0\r\n\r\n', 400],
  ['chunk lines that end in a bare line feed', chunked, '5\n[[1]]\n0\n\n', 400],
  ['a length after a vertical tab', 'Content-Length: \x0b5', '[[1]]', 400],
  ['a chunk extension with a carriage return', chunked, '5;\rx\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk extension with a line feed', chunked, '5;\n[[1]]\r\n0\r\n\r\n', 400],
  ['a quoted chunk extension over two lines', chunked, '5;a="\r\nx"\r\n[[1]]\r\n0\r\n\r\n', 400],
  ['a chunk without its line end', chunked, '5\r\n[[1]]0\r\n\r\n', 400],
  ['a chunk extension of 1 MB', chunked, `5;${'a'.repeat(1_000_000)}\r\n[[1]]\r\n0\r\n\r\n`, 413],
  ['an authorization in the trailers', chunked, '5\r\n[[1]]\r\n0\r\nAuthorization: Bearer x\r\n\r\n', 400],
  ['3,000 trailers', chunked, `5\r\n[[1]]\r\n0\r\n${'a:b\r\n'.repeat(3_000)}\r\n`, 400],
  ['trailers of 20 kB', chunked, `5\r\n[[1]]\r\n0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
];

/** The parser refuses these since Node 22. */
const newerVerdicts: Readonly<Record<string, number>> = { 'an empty coding': 400, '3,000 trailers': 431 };
const isNewer = Number(process.versions.node.split('.')[0]) >= 22;

/** The status of an ambiguous case on this version of Node. */
export function statusHere(name: string, status: number): number {
  return (isNewer ? newerVerdicts[name] : undefined) ?? status;
}

export const methods: [string, string, number][] = [
  ['TRACE', 'TRACE /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
  ['PROPFIND', 'PROPFIND /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['a method in lower case', 'get /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an unknown method', 'FETCH /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 400],
];

export const paths: [string, string, number][] = [
  ['a path parameter', '/api/..;/auth/session', 400],
  ['a dot segment', '/api/../auth/session', 400],
  ['an empty segment', '//api/liveness', 400],
  ['another case', '/API/liveness', 404],
  ['an escaped slash', '/api%2fliveness', 400],
  ['escaped dots', '/api/%2e%2e/auth/session', 400],
  ['an escaped letter beside an escaped @', '/api/models/m/versions/%40%73table', 400],
  ['an @ that is escaped twice', '/api/models/m/versions/%2540stable', 400],
  ['an escaped @ within a name', '/api/models/m%40n', 400],
  ['escaped twice', '/api/%252e%252e/auth/session', 400],
  ['an escaped NUL', '/api/liveness%00', 400],
  ['an incomplete UTF-8 escape', '/%E0%A4%A', 400],
  ['a backslash', '/api\\liveness', 400],
  ['a trailing dot', '/api/liveness.', 401],
  ['two trailing slashes', '/api/liveness//', 400],
  ['8 kB', `/${'a'.repeat(8_192)}`, 414],
  ['20 kB', `/${'a'.repeat(20_000)}`, 431],
  ['absolute form', 'http://a/api/liveness', 400],
  ['absolute form of another host', 'https://evil.example/api/liveness', 400],
  ['an asterisk', '*', 400],
  ['a fragment', '/api/liveness#x', 400],
  ['no slash', 'api/liveness', 400],
  ['a NUL byte', '/api\0', 400],
  ['raw UTF-8', '/\xc3\xa9', 400],
];

export const heads: [string, string, number][] = [
  ['no Host', 'GET /api/liveness HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['an empty Host', 'GET /api/liveness HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['a Host with a user', 'GET /api/liveness HTTP/1.1\r\nHost: user@a\r\n\r\n', 400],
  ['a Host with a path', 'GET /api/liveness HTTP/1.1\r\nHost: a/../b\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /api/liveness\r\n\r\n', 400],
  ['HTTP/1.2', 'GET /api/liveness HTTP/1.2\r\nHost: a\r\n\r\n', 400],
  ['HTTP/3.0', 'GET /api/liveness HTTP/3.0\r\nHost: a\r\n\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['lines that end in a bare line feed', 'GET /api/liveness HTTP/1.1\nHost: a\n\n', 400],
  ['lines that end in a bare carriage return', 'GET /api/liveness HTTP/1.1\rHost: a\r\r', 400],
  ['a NUL in a header', get('/api/liveness', 'X: a\0b\r\n'), 400],
  ['a folded header', get('/api/liveness', 'X: a\r\n b\r\n'), 400],
  ['a space before a colon', get('/api/liveness', 'X : a\r\n'), 400],
  ['a header of 16 KiB', get('/api/liveness', `X: ${'a'.repeat(16_384)}\r\n`), 431],
  ['2,000 headers', get('/api/liveness', 'a:b\r\n'.repeat(2_000)), 431],
  ['101 headers', get('/api/liveness', 'a:b\r\n'.repeat(100)), 431],
  ['two Authorizations', get('/api/liveness', 'Authorization: Bearer a\r\n'.repeat(2)), 400],
  ['two Content-Types', get('/api/liveness', 'Content-Type: a/b\r\n'.repeat(2)), 400],
  ['an expectation other than 100-continue', get('/api/liveness', 'Expect: miracles\r\n'), 417],
  ['a Host that is a list', 'GET /api/liveness HTTP/1.1\r\nHost: a,b\r\n\r\n', 400],
  ['tabs in the request line', 'GET\t/api/liveness\tHTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space after the version', 'GET /api/liveness HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
  ['the version in lower case', 'GET /api/liveness http/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.10', 'GET /api/liveness HTTP/1.10\r\nHost: a\r\n\r\n', 400],
  ['a header without a colon', get('/api/liveness', 'foo\r\n'), 400],
  ['a header without a name', get('/api/liveness', ': foo\r\n'), 400],
  ['a header name in Latin-1', get('/api/liveness', '\xe4: foo\r\n'), 400],
  ['a carriage return in a header', get('/api/liveness', 'X: a\rb\r\n'), 400],
  ['a bare line feed between headers', 'GET /api/liveness HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
];

/** Name, request, status: requests that are not plain HTTP/1.1. */
export const malformed: readonly (readonly [string, string, number])[] = [
  ...methods,
  ...paths.map(([name, path, status]) => [`path: ${name}`, get(path), status] as const),
  ...heads,
];
