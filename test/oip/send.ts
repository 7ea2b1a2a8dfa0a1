import { connect } from 'node:net';

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly json: () => unknown;
}

/** Sends to a model's inference route, or to another path. Without a media type unless a header sets one, like tritonclient. */
export async function sendTo(
  port: number,
  model: string,
  body: Buffer | string | object,
  { headers = {}, path }: Sent = {},
): Promise<Answered> {
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const target = path ?? `/v2/models/${model}/infer`;
  const head = { host: 'a', connection: 'close', ...headers };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.from(content as string);
  const text = `POST ${target} HTTP/1.1\r\n${lines.join('')}content-length: ${bytes.length}\r\n\r\n`;
  const answer = await fetchRaw(port, Buffer.concat([Buffer.from(text), bytes]));
  return { ...answer, json: () => JSON.parse(answer.body.toString()) as unknown };
}

async function fetchRaw(port: number, request: Buffer): Promise<Omit<Answered, 'json'>> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.write(request);
  for await (const part of socket) parts.push(part as Buffer);
  const whole = Buffer.concat(parts);
  const end = whole.indexOf('\r\n\r\n');
  const [first = '', ...lines] = whole.subarray(0, end).toString().split('\r\n');
  const headers = new Headers(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
  const body = whole.subarray(end + 4);
  return {
    status: Number(first.split(' ')[1]),
    headers,
    body: headers.has('transfer-encoding') ? unchunk(body) : body,
  };
}

function unchunk(body: Buffer): Buffer {
  const end = body.indexOf('\r\n');
  const size = parseInt(body.subarray(0, end).toString(), 16);
  if (size === 0) return Buffer.alloc(0);
  return Buffer.concat([body.subarray(end + 2, end + 2 + size), unchunk(body.subarray(end + size + 4))]);
}

/** A request with one input. */
export function tensors(datatype: string, shape: readonly number[], data: unknown, more: object = {}): object {
  return { inputs: [{ name: 'x', shape, datatype, data }], ...more };
}

/** One binary input, and the header with the length of its JSON. */
export function binary(datatype: string, shape: readonly number[], bytes: Buffer, more: object = {}) {
  const inputs = [{ name: 'x', shape, datatype, parameters: { binary_data_size: bytes.length } }];
  const json = Buffer.from(JSON.stringify({ inputs, ...more }));
  const headers = {
    'inference-header-content-length': String(json.length),
    'content-type': 'application/octet-stream',
  };
  return { body: Buffer.concat([json, bytes]), headers };
}
