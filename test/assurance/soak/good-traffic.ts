import { Agent } from 'node:http';
import type { Tokens } from '../../support/service.ts';
import { exchange, steadily, type Exchange } from './exchange.ts';
import type { Tally } from './tally.ts';

interface Caller {
  readonly name: string;
  readonly password: string;
  readonly address: string;
}

interface GoodTraffic {
  readonly port: number;
  readonly tally: Tally;
  readonly end: AbortSignal;
  /** One row for the default model. */
  readonly row: readonly unknown[];
}

/** A well-behaved client: at its own address, within the limits. */
class GoodClient {
  readonly #traffic: GoodTraffic;
  readonly #caller: Caller;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #tokens!: Tokens;

  constructor(traffic: GoodTraffic, caller: Caller) {
    this.#traffic = traffic;
    this.#caller = caller;
  }

  async reset(): Promise<void> {
    const { name: username, password } = this.#caller;
    const form = new URLSearchParams({ username, password }).toString();
    await this.#tokensFrom('reset', '/auth/reset', { 'content-type': 'application/x-www-form-urlencoded' }, form);
  }

  async refresh(): Promise<void> {
    await this.#tokensFrom('refresh', '/auth/refresh', { authorization: `Bearer ${this.#tokens.refresh_token}` });
  }

  async predict(rows: number): Promise<void> {
    const body = JSON.stringify(Array.from({ length: rows }, () => this.#traffic.row));
    await this.#ask('predict', 'POST', '/api/ml', this.#json(), body, ({ status, body: text }) => {
      return status === 200 && (JSON.parse(text) as { predictions: unknown[] }).predictions.length === rows;
    });
  }

  async inform(): Promise<void> {
    await this.#ask('session', 'GET', '/auth/session', this.#bearer());
    await this.#ask('models', 'GET', '/api/models', this.#bearer());
  }

  async revoke(): Promise<void> {
    const form = new URLSearchParams({ token: this.#tokens.access_token }).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    await this.#ask('revoke', 'POST', '/auth/revoke', type, form);
    await this.#ask(
      'a revoked token',
      'GET',
      '/auth/session',
      this.#bearer(),
      undefined,
      ({ status }) => status === 401,
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  #bearer() {
    return { authorization: `Bearer ${this.#tokens.access_token}` };
  }

  #json() {
    return { ...this.#bearer(), 'content-type': 'application/json' };
  }

  async #tokensFrom(what: string, path: string, headers: Record<string, string>, body?: string): Promise<void> {
    const answer = await this.#ask(what, 'POST', path, headers, body);
    if (answer?.status === 200) this.#tokens = JSON.parse(answer.body) as Tokens;
  }

  async #ask(
    what: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
    isRight: (answer: Exchange) => boolean = ({ status }) => status === 200,
  ): Promise<Exchange | undefined> {
    const { port, tally } = this.#traffic;
    const asked = {
      port,
      agent: this.#agent,
      method,
      path,
      headers: { ...headers, 'x-forwarded-for': this.#caller.address },
    };
    try {
      const answer = await exchange({ ...asked, ...(body !== undefined && { body }) });
      tally.good(what, answer.status, isRight(answer), answer.latencyMs);
      return answer;
    } catch (error) {
      tally.goodFailed(what, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

/** Clients that stay and rotate their tokens, and clients that come, work a little, and revoke. */
export async function runGoodTraffic(
  traffic: GoodTraffic,
  { staying, passing }: { staying: readonly Caller[]; passing: readonly Caller[] },
): Promise<void> {
  const stay = staying.map(async (caller, index) => {
    const client = new GoodClient(traffic, caller);
    await client.reset();
    let turn = 0;
    await steadily(10, traffic.end, async () => {
      turn += 1;
      // Both use /auth, together 20 times a minute, of 30 allowed per address.
      if (turn % 75 === 0) await client.refresh();
      else if (turn % 50 === 0) await client.inform();
      else await client.predict(1 + ((turn * 7 + index) % 50));
    });
    client.close();
  });
  let next = 0;
  const pass = steadily(0.25, traffic.end, async () => {
    const caller = passing[next];
    if (caller === undefined) return;
    next += 1;
    const client = new GoodClient(traffic, caller);
    await client.reset();
    await client.predict(1);
    await client.revoke();
    client.close();
  });
  await Promise.all([...stay, pass]);
}
