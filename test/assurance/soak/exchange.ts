import { request, type Agent } from 'node:http';

export interface Exchange {
  readonly status: number;
  readonly body: string;
  readonly latencyMs: number;
}

interface Asked {
  readonly port: number;
  readonly agent: Agent | false;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a request; rejects if the response is not complete. */
export function exchange({ port, agent, method = 'GET', path, headers = {}, body }: Asked): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers: { ...headers, ...length } });
    sent.setTimeout(20_000, () => sent.destroy(new Error('no answer for 20 s')));
    sent.once('error', reject);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          latencyMs: performance.now() - startedAt,
        }),
      );
    });
    sent.end(body);
  });
}

/** Repeats work at a steady rate until the end, without catching up on delays. */
export async function steadily(perSecond: number, end: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!end.aborted) {
    const nextAt = performance.now() + 1_000 / perSecond;
    await work();
    const left = nextAt - performance.now();
    if (left > 0) await pause(left, end);
  }
}

/** Waits for a time, or until the end. */
export function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      end.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    if (end.aborted) finish();
    else end.addEventListener('abort', finish);
  });
}
