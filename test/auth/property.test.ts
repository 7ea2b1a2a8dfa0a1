import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startService, temporaryFolder, FakeClock, type TestService, type Tokens } from '../support/service.ts';

const accessSeconds = 900;
const idleSeconds = 2_000;
const absoluteSeconds = 5_000;

/** The reference model: a family is a list of tokens, of which the last is the unspent head. */
interface ReferenceFamily {
  readonly client: number;
  readonly issued: { readonly tokens: Tokens; readonly at: number }[];
  readonly createdAt: number;
  isAlive: boolean;
}
interface ReferenceClient {
  readonly name: string;
  password: string;
  isSpent: boolean;
  isDisabled: boolean;
}

type Step =
  | { readonly do: 'reset' | 'disable' | 'enable' | 'new password'; readonly client: number }
  | { readonly do: 'refresh' | 'replay' | 'revoke'; readonly family: number; readonly token: number }
  | { readonly do: 'clock'; readonly seconds: number }
  | { readonly do: 'restart' | 'rotate key' };

const anyClient = fc.nat(1);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reset' as const), client: anyClient }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('new password' as const), client: anyClient }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('refresh' as const), family: fc.nat(9), token: fc.constant(0) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('replay' as const), family: fc.nat(9), token: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('revoke' as const), family: fc.nat(9), token: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('disable' as const, 'enable' as const), client: anyClient }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('clock' as const), seconds: fc.integer({ min: 1, max: 2_500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'rotate key' as const) }) },
);

/** Applies the same steps to the service and the reference model. */
class Pair {
  service: TestService;
  readonly #clock: FakeClock;
  readonly #dataDir: string;
  readonly #clients: ReferenceClient[] = [];
  readonly #families: ReferenceFamily[] = [];

  constructor(service: TestService) {
    this.service = service;
    this.#clock = service.clock;
    this.#dataDir = service.dataDir;
  }

  async addClients(suffix: string): Promise<void> {
    for (const index of [0, 1]) {
      const name = `p${index}-${suffix}`;
      this.#clients.push({
        name,
        password: await this.service.services.clients.add(name),
        isSpent: false,
        isDisabled: false,
      });
    }
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'reset':
        return this.#reset(step.client);
      case 'refresh':
      case 'replay':
        return this.#refresh(step);
      case 'revoke':
        return this.#revoke(step);
      case 'clock': {
        this.#clock.advanceSeconds(step.seconds);
        return;
      }
      case 'restart':
        await this.service.close();
        this.service = await startService(variables, { clock: this.#clock, dataDir: this.#dataDir });
        return;
      case 'rotate key':
        await this.service.services.keys.rotate({ now: true });
        return;
      default:
        return this.#change(step.do, step.client);
    }
  }

  /** The invariant: a token works exactly if the model says so, so at most one head per family, and none after reuse. */
  async check(): Promise<void> {
    for (const family of this.#families) {
      for (const { tokens, at } of family.issued) {
        const isGood = this.#isAlive(family) && this.#clock.now < at + accessSeconds * 1_000;
        const { status } = await this.service.session(tokens.access_token);
        expect(status).toBe(isGood ? 200 : 401);
      }
    }
  }

  async #reset(index: number): Promise<void> {
    const client = this.#clients[index]!;
    const { status, body } = await this.service.reset(client.name, client.password);
    const isGood = !client.isSpent && !client.isDisabled;
    expect(status).toBe(isGood ? 200 : 401);
    if (!isGood) return;
    client.isSpent = true;
    this.#endAll(index);
    const at = this.#clock.now;
    this.#families.push({
      client: index,
      issued: [{ tokens: body as Tokens, at }],
      createdAt: at,
      isAlive: true,
    });
  }

  async #refresh(step: { do: string; family: number; token: number }): Promise<void> {
    const family = this.#pick(step.family);
    if (family === undefined) return;
    const index = step.do === 'refresh' ? family.issued.length - 1 : step.token % family.issued.length;
    const { tokens, at } = family.issued[index]!;
    const isHead = index === family.issued.length - 1;
    const isInTime = this.#clock.now < Math.min(at + idleSeconds * 1_000, family.createdAt + absoluteSeconds * 1_000);
    const isGood = this.#isAlive(family) && isHead && isInTime;
    const { status, body } = await this.service.refresh(tokens.refresh_token);
    expect(status).toBe(isGood ? 200 : 401);
    if (isGood) family.issued.push({ tokens: body as Tokens, at: this.#clock.now });
    else if (isInTime) family.isAlive = false;
  }

  async #revoke({ family: at, token }: { family: number; token: number }): Promise<void> {
    const family = this.#pick(at);
    if (family === undefined) return;
    const { tokens, at: issuedAt } = family.issued[token % family.issued.length]!;
    await this.service.http.post('/auth/revoke').type('form').send({ token: tokens.refresh_token }).expect(200);
    if (this.#clock.now < issuedAt + idleSeconds * 1_000) family.isAlive = false;
  }

  async #change(what: 'disable' | 'enable' | 'new password', index: number): Promise<void> {
    const client = this.#clients[index]!;
    const { clients } = this.service.services;
    if (what === 'enable') await clients.enable(client.name);
    else if (what === 'disable') await clients.disable(client.name);
    else client.password = await clients.resetPassword(client.name);
    if (what === 'new password') client.isSpent = false;
    else client.isDisabled = what === 'disable';
    if (what !== 'enable') this.#endAll(index);
  }

  #endAll(client: number): void {
    for (const family of this.#families) if (family.client === client) family.isAlive = false;
  }

  #isAlive({ isAlive, createdAt }: ReferenceFamily): boolean {
    return isAlive && this.#clock.now < createdAt + absoluteSeconds * 1_000;
  }

  #pick(at: number): ReferenceFamily | undefined {
    return this.#families[at % Math.max(1, this.#families.length)];
  }
}

const variables = {
  MLAPI_ACCESS_TTL_SECONDS: String(accessSeconds),
  MLAPI_REFRESH_TTL_SECONDS: String(idleSeconds),
  MLAPI_REFRESH_MAX_TTL_SECONDS: String(absoluteSeconds),
  // One small model, because each restart loads it again.
  MLAPI_MODELS_DIR: temporaryFolder(),
};

let service: TestService;
beforeAll(async () => {
  cpSync('test/fixtures/iris', join(variables.MLAPI_MODELS_DIR, 'iris'), { recursive: true });
  service = await startService(variables, { dataDir: temporaryFolder() });
});
afterAll(() => service.close());

test('random sequences of reset, refresh, replay, revoke, disable, restart, key rotation and clock match the reference model', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 30 }), async (steps) => {
      const pair = new Pair(service);
      try {
        await pair.addClients(String((run += 1)));
        for (const step of steps) await pair.take(step);
        await pair.check();
      } finally {
        service = pair.service;
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});
