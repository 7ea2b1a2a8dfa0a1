import { connect, type Socket } from 'node:net';

/** A parsed response. Header names are in lower case, repeated ones joined by a comma. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Everything received on a connection. */
export interface Exchange {
  readonly answers: readonly RawResponse[];
  /** Whether the server closed the connection. */
  readonly isClosed: boolean;
  /** Bytes that are not a complete response. */
  readonly rest: string;
}

interface ExchangeOptions {
  /** Resolve after this many responses; by default, once the server has closed. "100 Continue" counts as one. */
  readonly answers?: number;
  /** Whether the request was HEAD, so that responses have no body. */
  readonly isHead?: boolean;
  readonly timeoutMs?: number;
}

/** A loopback port, the path of a Unix socket, or a function that opens another kind of connection. */
export type Target = number | string | (() => Socket);

/** Sends exact bytes on a new connection and reads the responses. Rejects if nothing arrives within the timeout. */
export async function exchange(
  target: Target,
  bytes: string | Buffer | readonly (string | Buffer)[],
  options: ExchangeOptions = {},
): Promise<Exchange> {
  const connection = new RawConnection(target);
  for (const part of Array.isArray(bytes) ? (bytes as (string | Buffer)[]) : [bytes as string | Buffer]) {
    connection.send(part);
  }
  try {
    return await (options.answers === undefined
      ? connection.untilClosed(options)
      : connection.until(options.answers, options));
  } finally {
    connection.close();
  }
}

/** A connection that writes exact bytes. Text is sent as Latin-1: one character, one byte. */
export class RawConnection {
  readonly socket: Socket;
  readonly #answers: RawResponse[] = [];
  /** Received bytes that are not yet a complete response. */
  #rest = '';
  #isClosed = false;

  constructor(target: Target) {
    this.socket = open(target);
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => (this.#rest += text));
    // A server that closes while the client is still sending causes a reset.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.#isClosed = true));
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Waits for this many responses, counted from the start, or for the close. */
  until(answers: number, options: ExchangeOptions = {}): Promise<Exchange> {
    return this.#wait((state) => state.answers.length >= answers || state.isClosed, options);
  }

  untilClosed(options: ExchangeOptions = {}): Promise<Exchange> {
    return this.#wait(({ isClosed }) => isClosed, options);
  }

  close(): void {
    this.socket.destroy();
  }

  #wait(isDone: (state: Exchange) => boolean, { isHead = false, timeoutMs = 10_000 }: ExchangeOptions) {
    return new Promise<Exchange>((resolve, reject) => {
      const read = () => {
        const { answers, rest } = parseResponses(this.#rest, isHead);
        this.#answers.push(...answers);
        this.#rest = rest;
        return { answers: [...this.#answers], rest, isClosed: this.#isClosed };
      };
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.socket.off('data', check).off('close', check);
        settle();
      };
      const check = () => {
        const state = read();
        if (isDone(state)) finish(() => resolve(state));
      };
      const timer = setTimeout(() => {
        const heard = `${this.#answers.length} answers and ${JSON.stringify(this.#rest.slice(0, 500))}`;
        finish(() => reject(new Error(`silence after ${heard}`)));
      }, timeoutMs);
      this.socket.on('data', check).on('close', check);
      check();
    });
  }
}

function open(target: Target): Socket {
  if (typeof target === 'function') return target();
  return typeof target === 'string' ? connect(target) : connect({ port: target, host: '127.0.0.1', noDelay: true });
}

function parseResponses(text: string, isHead: boolean): Pick<Exchange, 'answers' | 'rest'> {
  const answers: RawResponse[] = [];
  let rest = text;
  for (let end = rest.indexOf('\r\n\r\n'); end !== -1; end = rest.indexOf('\r\n\r\n')) {
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      const value = line.slice(line.indexOf(':') + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const after = rest.slice(end + 4);
    const length = isHead ? 0 : Number(headers['content-length'] ?? 0);
    const found =
      headers['transfer-encoding'] === 'chunked' ? parseChunks(after) : { body: after.slice(0, length), length };
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1];
    if (status === undefined || after.length < found.length) break;
    answers.push({ status: Number(status), headers, body: found.body });
    rest = after.slice(found.length);
  }
  return { answers, rest };
}

/** A chunked body and its length on the wire, which is infinite until the end has arrived. */
function parseChunks(text: string): { body: string; length: number } {
  let body = '';
  for (let at = 0; ;) {
    const [line, size] = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 20)) ?? [];
    if (line === undefined) return { body, length: Infinity };
    const start = at + line.length;
    const length = Number.parseInt(size!, 16);
    body += text.slice(start, start + length);
    at = start + length + 2;
    if (length === 0) return { body, length: at };
  }
}

const internals = /node_modules|\.ts:\d|\bat \w+ \(|\/(?:home|tmp|work|var)\/|sqlite|select .* from|express|node\/\d/i;
/** Documented 5xx statuses; any other is a defect. */
const documentedFaults = [501, 503];

/** Faults of a response, such as missing headers or disclosed internals. */
export function faultsOf({ status, headers, body }: RawResponse): string[] {
  if (status === 100) return [];
  const faults: string[] = [];
  if (!/^[A-Za-z0-9-]{8,64}$/.test(headers['x-request-id'] ?? '')) faults.push('no request id');
  if (headers['cache-control'] !== 'no-store') faults.push('may be cached');
  if (headers['x-content-type-options'] !== 'nosniff') faults.push('may be sniffed');
  if ('x-powered-by' in headers || 'server' in headers) faults.push('names its software');
  if (status >= 500 && !documentedFaults.includes(status)) faults.push(`undocumented status ${status}`);
  if (status >= 400 && !/^application\/(?:problem\+)?json$/.test(headers['content-type'] ?? '')) {
    faults.push(`an error as ${headers['content-type']}`);
  }
  if (internals.test(body)) faults.push(`shows internals: ${body}`);
  return faults;
}
