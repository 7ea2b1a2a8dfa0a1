import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { serve, type TestProcess } from './child.ts';
import { startService, type Tokens } from './service.ts';

/** The running children of a process. */
export function childrenOf({ child: { pid } }: TestProcess): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** Waits until a condition holds. @throws after 90 seconds */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never held: ${holds.toString()}`);
    await delay(50);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

interface AskOptions {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly body?: object;
  /** By default a new connection, which any server process may accept. */
  readonly agent?: Agent;
}

/** Sends a request; rejects if the response is not complete. */
export function ask(url: string, { method = 'GET', token, body, agent = new Agent() }: AskOptions = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = request(url, { method, headers, agent, timeout: 30_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('aborted', () => reject(new Error('torn')));
      response.once('end', () => {
        const { statusCode: status = 0 } = response;
        resolve({ status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] });
      });
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Waits until all server processes are ready: any may accept, so many successes in a row mean that no other listens. */
export async function allReady(url: string): Promise<void> {
  let inARow = 0;
  await until(async () => {
    const { status } = await ask(`${url}/api/readiness`).catch(() => ({ status: 0 }));
    inARow = status === 200 ? inARow + 1 : 0;
    return inARow > 20;
  });
}

/**
 * Starts a service on a new data directory with these clients, and their tokens.
 * @param isComplete whether all of its processes serve
 */
export async function serveWithClients(
  names: readonly string[],
  variables: Readonly<Record<string, string>>,
  isComplete: (service: TestProcess) => boolean = () => true,
): Promise<{ service: TestProcess; url: string; tokens: Tokens[] }> {
  const setup = await startService();
  const passwords = await Promise.all(names.map((name) => setup.services.clients.add(name)));
  await setup.close();
  const { service, url } = await serve(setup.dataDir, { variables });
  await until(() => isComplete(service));
  await allReady(url);
  const tokens = await Promise.all(
    names.map(async (username, index) => {
      const body = { username, password: passwords[index] ?? '' };
      return (await ask(`${url}/auth/reset`, { method: 'POST', body })).body as unknown as Tokens;
    }),
  );
  return { service, url, tokens };
}
