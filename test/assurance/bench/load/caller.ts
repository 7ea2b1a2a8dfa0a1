import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadRequest } from './types.ts';
import type { Tally } from './tally.ts';

const headEnd = Buffer.from('\r\n\r\n');
// As spelt by Node, gunicorn and uvicorn, without the first letter, whose case differs.
const closes = Buffer.from('onnection: close');
/** Shared by all connections: data are processed before more can arrive. */
const arrivals = Buffer.allocUnsafeSlow(65_536);

/** Sends the same request over one connection repeatedly, each after the complete response to the last. */
export class Caller {
  readonly #order: LoadOrder;
  readonly #bytes: Buffer;
  readonly #request: LoadRequest;
  readonly #tally: Tally;
  #socket!: Socket;
  #sentAt = 0;
  /** When the next request is due, if the order has a period. */
  #nextAt: number;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  /** The missing bytes of the response body. */
  #left = 0;
  /** An incomplete response head. */
  #head: Buffer | undefined;
  /** The content-length header as this server spells it, known from the first response. */
  #lengthName: Buffer | undefined;
  /** The body of the first response; later ones must have the same length. */
  #body = '';
  #bodyLength = -1;
  #isLast = false;
  #isOver = false;

  /** @param index staggers callers with a period */
  constructor(order: LoadOrder, index: number, tally: Tally) {
    const { requests, connections, periodMs = 0 } = order;
    this.#order = order;
    this.#request = requests[index % requests.length]!;
    this.#bytes = Buffer.concat([Buffer.from(this.#request.text), Buffer.from(this.#request.binary ?? '', 'base64')]);
    this.#nextAt = performance.now() + (periodMs * index) / connections;
    this.#tally = tally;
    this.#connect();
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  #connect(): void {
    const callback = (length: number) => {
      this.#take(arrivals.subarray(0, length));
      return true;
    };
    const socket = connect({ port: this.#order.port, host: '127.0.0.1', onread: { buffer: arrivals, callback } });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('connect', () => this.#sendInTurn(performance.now()));
    socket.once('error', (error) => this.#tally.mistake(error.message));
    socket.once('close', () => {
      if (this.#isOver) return;
      if (!this.#isLast) this.#tally.mistake('a connection was closed without an answer');
      else this.#reconnect();
    });
  }

  /** A server may close a connection after some requests; it announces that. */
  #reconnect(): void {
    this.#isLast = false;
    this.#connect();
  }

  #sendInTurn(now: number): void {
    const { periodMs } = this.#order;
    if (periodMs === undefined || this.#nextAt <= now) this.#send(now);
    else this.#timer = setTimeout(() => this.#send(performance.now()), this.#nextAt - now);
  }

  #send(now: number): void {
    this.#sentAt = now;
    this.#nextAt = now + (this.#order.periodMs ?? 0);
    this.#socket.write(this.#bytes);
  }

  #take(bytes: Buffer): void {
    if (this.#left > 0) {
      this.#takeBody(bytes);
      return;
    }
    const all = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes]);
    const end = all.indexOf(headEnd);
    if (end < 0) {
      this.#head = Buffer.from(all);
      return;
    }
    this.#head = undefined;
    this.#status = 100 * all[9]! + 10 * all[10]! + all[11]! - 111 * 0x30;
    const isRefusal = this.#order.refusals?.includes(this.#status) === true;
    if (this.#status !== 200 && !isRefusal)
      this.#tally.mistake(`an answer began with ${all.toString('latin1', 0, 12)}`);
    this.#isLast = all.includes(closes);
    const length = this.#lengthIn(all, end);
    if (length === undefined) {
      this.#tally.mistake('an answer did not say how long it is');
      this.end();
      return;
    }
    if (!isRefusal && this.#bodyLength >= 0 && length !== this.#bodyLength)
      this.#tally.mistake(`a body of ${length} bytes`);
    this.#left = length;
    if (length === 0) this.#finish();
    else if (all.length > end + 4) this.#takeBody(all.subarray(end + 4));
  }

  #takeBody(bytes: Buffer): void {
    if (this.#bodyLength < 0 && this.#status === 200) this.#body += bytes.toString('latin1');
    this.#left -= bytes.length;
    if (this.#left < 0) this.#tally.mistake('more came than the answer');
    if (this.#left <= 0) this.#finish();
  }

  #finish(): void {
    this.#left = 0;
    const now = performance.now();
    if (this.#status === 200) this.#tally.answered(now - this.#sentAt);
    else this.#tally.refused(this.#status, now - this.#sentAt);
    if (this.#bodyLength < 0 && this.#status === 200) this.#checkFirst();
    if (this.#isLast) this.#socket.destroy();
    else this.#sendInTurn(now);
  }

  #checkFirst(): void {
    this.#bodyLength = this.#body.length;
    const { predictions } = this.#request;
    if (predictions === null) return;
    const answer = JSON.parse(this.#body) as { predictions?: unknown };
    if (JSON.stringify(answer.predictions) !== JSON.stringify(predictions))
      this.#tally.mistake(`a wrong answer: ${this.#body.slice(0, 200)}`);
  }

  /** @returns bytes; undefined for a chunked response, which is not supported */
  #lengthIn(all: Buffer, end: number): number | undefined {
    if (this.#lengthName === undefined) {
      const name = /\r\ncontent-length: /i.exec(all.toString('latin1', 0, end))?.[0];
      if (name === undefined) return undefined;
      this.#lengthName = Buffer.from(name, 'latin1');
    }
    const found = all.indexOf(this.#lengthName);
    if (found < 0) return undefined;
    let length = 0;
    for (let at = found + this.#lengthName.length; all[at] !== 0x0d; at += 1) length = length * 10 + all[at]! - 0x30;
    return length;
  }
}
