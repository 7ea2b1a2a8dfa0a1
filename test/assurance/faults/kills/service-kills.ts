import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Passwords } from '../../../../mlapi/auth/clients/passwords.ts';
import { mlapi, serve, type TestProcess } from '../../../support/child.ts';
import { killTree } from '../../../support/process-tree.ts';
import { temporaryFolder } from '../../../support/service.ts';
import { KilledDatabase } from './database-check.ts';

const password = 'the same for all';
const clientsPerKill = 80;
const refreshers = 3;

/** A client's view of each step: requested, or acknowledged. */
interface Caller {
  readonly name: string;
  reset: 'no' | 'asked' | 'done' | 'refused';
  revocation: 'no' | 'asked' | 'done';
  /** Refresh tokens, the newest last. */
  readonly tokens: string[];
  accessToken: string;
  isRefreshAsked: boolean;
  refusalsAsked: number;
  refusalsDone: number;
}

/** No response, as after a kill. */
class ServiceGone extends Error {
  constructor(options?: ErrorOptions) {
    super('the service is gone', options);
    this.name = 'ServiceGone';
  }
}

export interface ServiceKill {
  readonly kind: 'service';
  readonly done: number;
  /** The writes requested but not acknowledged before the kill. */
  readonly begun: readonly string[];
  readonly faults: readonly string[];
}

/** A service that is killed under load repeatedly, on one data directory, and the acknowledgements of its clients. */
export class ServiceKills {
  readonly #dataDir: string;
  readonly #told: Caller[] = [];
  #next = 0;
  #service: TestProcess | undefined;
  #url = '';

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Creates the clients for this many kills. */
  static async open(kills: number, dataDir = temporaryFolder()): Promise<ServiceKills> {
    const shared = await (await Passwords.create()).hash(password);
    const file = join(temporaryFolder(), 'users.csv');
    const rows = Array.from({ length: kills * clientsPerKill }, (_, index) => `caller-${index},"${shared}"\n`);
    writeFileSync(file, rows.join(''), { mode: 0o600 });
    const { code, stderr } = await mlapi(dataDir, ['clients', 'import', file, '--scopes', 'models:read']);
    if (code !== 0) throw new Error(stderr);
    const session = new ServiceKills(dataDir);
    await session.#start();
    return session;
  }

  /** Loads the service, kills it, restarts it, and compares. */
  async kill(): Promise<ServiceKill> {
    const callers = Array.from({ length: clientsPerKill }, () => newCaller(`caller-${(this.#next += 1) - 1}`));
    this.#told.push(...callers);
    const chained = callers.slice(0, refreshers);
    for (const caller of callers.slice(0, refreshers + 1)) await this.#reset(caller);
    const traffic = [
      ...chained.map((caller) => forever(() => this.#refresh(caller))),
      forever(() => this.#askTooMuch(callers[refreshers]!)),
      this.#resetEach(callers.slice(refreshers + 1).filter((_, index) => index % 2 === 0)),
      this.#resetEach(
        callers.slice(refreshers + 1).filter((_, index) => index % 2 === 1),
        { isRevoked: true },
      ),
    ];
    await delay(20 + Math.random() * 300);
    killTree(this.#service!.child.pid!);
    await this.#service!.ended;
    await Promise.all(traffic);
    const begun = callers.flatMap((caller) => begunOf(caller));
    const done = callers.reduce((sum, { tokens, refusalsDone }) => sum + tokens.length + refusalsDone, 0);
    const faults = this.#compare(callers);
    await this.#start();
    faults.push(...(await this.#askAgain(callers)));
    return { kind: 'service', done, begun, faults };
  }

  /** Stops the service, and compares all acknowledgements. */
  async close(): Promise<string[]> {
    await this.#service?.kill('SIGTERM');
    return this.#compare(this.#told);
  }

  async #start(): Promise<void> {
    const variables = { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000', MLAPI_LOG_LEVEL: 'info' };
    const { service, url } = await serve(this.#dataDir, { variables });
    this.#service = service;
    this.#url = url;
  }

  /** @throws {ServiceGone} */
  async #post(path: string, form: Record<string, string>, token?: string): Promise<{ status: number; body: unknown }> {
    const answer = async () => {
      const response = await fetch(`${this.#url}${path}`, {
        method: 'POST',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(Object.keys(form).length > 0 && { body: new URLSearchParams(form) }),
      });
      return { status: response.status, text: await response.text() };
    };
    const { status, text } = await answer().catch((cause: unknown) => {
      throw new ServiceGone({ cause });
    });
    return { status, body: JSON.parse(text || '{}') };
  }

  async #reset(caller: Caller): Promise<void> {
    caller.reset = 'asked';
    const { status, body } = await this.#post('/auth/reset', { username: caller.name, password });
    if (status !== 200) throw new Error(`reset: ${status}`);
    caller.reset = 'done';
    this.#keep(caller, body);
  }

  async #refresh(caller: Caller): Promise<void> {
    caller.isRefreshAsked = true;
    const { status, body } = await this.#post('/auth/refresh', {}, caller.tokens.at(-1));
    if (status !== 200) throw new Error(`refresh: ${status}`);
    caller.isRefreshAsked = false;
    this.#keep(caller, body);
  }

  #keep(caller: Caller, body: unknown): void {
    const tokens = body as { access_token: string; refresh_token: string };
    caller.tokens.push(tokens.refresh_token);
    caller.accessToken = tokens.access_token;
  }

  async #revoke(caller: Caller): Promise<void> {
    caller.revocation = 'asked';
    const { status } = await this.#post('/auth/revoke', { token: caller.tokens.at(-1)! });
    if (status !== 200) throw new Error(`revoke: ${status}`);
    caller.revocation = 'done';
  }

  /** Requests something forbidden, which writes an audit row. */
  async #askTooMuch(caller: Caller): Promise<void> {
    caller.refusalsAsked += 1;
    const { status } = await this.#post('/api/ml', {}, caller.accessToken);
    if (status !== 403) throw new Error(`predict: ${status}`);
    caller.refusalsDone += 1;
  }

  async #resetEach(callers: readonly Caller[], { isRevoked = false } = {}): Promise<void> {
    const left = [...callers];
    await forever(async () => {
      const caller = left.shift();
      if (caller === undefined) throw new ServiceGone();
      await this.#reset(caller);
      if (isRevoked) await this.#revoke(caller);
    });
  }

  /** Compares the database with the acknowledgements. */
  #compare(callers: readonly Caller[]): string[] {
    const database = new KilledDatabase(this.#dataDir);
    const faults = database.faults();
    for (const caller of callers)
      faults.push(...compareCaller(database, caller).map((fault) => `${caller.name}: ${fault}`));
    database.close();
    return faults;
  }

  /** Compares over HTTP, after the restart, and records the new acknowledgements. */
  async #askAgain(callers: readonly Caller[]): Promise<string[]> {
    const faults: string[] = [];
    const expect = (caller: Caller, what: string, found: number, ...allowed: number[]) => {
      if (!allowed.includes(found)) faults.push(`${caller.name}: ${what} answers ${found}`);
    };
    const session = async ({ accessToken }: Caller) =>
      (await fetch(`${this.#url}/auth/session`, { headers: { authorization: `Bearer ${accessToken}` } })).status;
    const sample = [...callers.filter((caller) => begunOf(caller).length > 0), ...callers.slice(0, 12)];
    for (const caller of new Set(sample)) {
      if (caller.reset === 'done') {
        const { status } = await this.#post('/auth/reset', { username: caller.name, password });
        expect(caller, 'a spent password', status, 401);
        expect(caller, 'the session', await session(caller), ...allowedSessions(caller));
      } else if (caller.reset === 'asked') {
        const { status, body } = await this.#post('/auth/reset', { username: caller.name, password });
        expect(caller, 'a password that may be spent', status, 200, 401);
        if (status === 200) {
          caller.reset = 'done';
          this.#keep(caller, body);
        } else caller.reset = 'refused';
      }
      const spent = caller.tokens.at(-2);
      if (spent === undefined || caller.revocation !== 'no') continue;
      const newest = await this.#post('/auth/refresh', {}, caller.tokens.at(-1));
      expect(caller, 'the newest refresh token', newest.status, 200, ...(caller.isRefreshAsked ? [401] : []));
      const replayed = await this.#post('/auth/refresh', {}, spent);
      expect(caller, 'a spent refresh token', replayed.status, 401);
      expect(caller, 'the session of a replayed family', await session(caller), 401);
      // The replay has ended its family, like a revocation.
      caller.revocation = 'asked';
    }
    return faults;
  }
}

function newCaller(name: string): Caller {
  return {
    name,
    reset: 'no',
    revocation: 'no',
    tokens: [],
    accessToken: '',
    isRefreshAsked: false,
    refusalsAsked: 0,
    refusalsDone: 0,
  };
}

function begunOf({ reset, revocation, isRefreshAsked, refusalsAsked, refusalsDone }: Caller): string[] {
  return [
    ...(reset === 'asked' ? ['reset'] : []),
    ...(revocation === 'asked' ? ['revoke'] : []),
    ...(isRefreshAsked ? ['refresh'] : []),
    ...(refusalsAsked > refusalsDone ? ['audit'] : []),
  ];
}

function allowedSessions({ revocation }: Caller): number[] {
  if (revocation === 'no') return [200];
  return revocation === 'done' ? [401] : [200, 401];
}

/** Repeats until the service is gone. @throws for a wrong response */
async function forever(work: () => Promise<void>): Promise<void> {
  try {
    for (;;) await work();
  } catch (error) {
    if (!(error instanceof ServiceGone)) throw error;
  }
}

function compareCaller(database: KilledDatabase, caller: Caller): string[] {
  const { id, spent } = database.one(`select id, password_spent_at as spent from clients where name = ?`, caller.name)!;
  const families = database.all('select generation, ended_at, ended_by from token_families where client_id = ?', id);
  const events = (event: string) => database.count(`audit_events where event = ? and client_id = ?`, event, id);
  const faults: string[] = [];
  const check = (isRight: boolean, fault: string) => {
    if (!isRight) faults.push(fault);
  };
  const isReset = families.length > 0;
  check(families.length <= 1 && events('reset') === families.length, 'families and their audit rows differ');
  check(isReset === (spent !== null), 'password and family differ');
  if (caller.reset === 'done') check(isReset, 'an acknowledged reset is lost');
  if (caller.reset === 'no') check(!isReset, 'a reset that nobody asked for');
  const refusals = events('scope_refused');
  // One per minute and process.
  const leastRefusals = Math.min(1, caller.refusalsDone);
  check(refusals >= leastRefusals && refusals <= caller.refusalsAsked, `${refusals} refusals recorded`);
  const [family] = families;
  if (family === undefined) return faults;
  const generation = Number(family.generation);
  check(events('refresh') === generation, 'generation and audit rows differ');
  const told = Math.max(0, caller.tokens.length - 1);
  // A retry after the kill adds a generation that is not recorded.
  const most = told + (caller.isRefreshAsked || caller.revocation !== 'no' ? 1 : 0);
  check(generation >= told && generation <= most, `generation ${generation} after ${told} refreshes`);
  const isEnded = family.ended_at !== null;
  check(events('revocation') + events('refresh_replay') === (isEnded ? 1 : 0), 'end and audit rows differ');
  if (caller.revocation === 'done') check(isEnded, 'an acknowledged revocation is lost');
  if (caller.revocation === 'no') check(!isEnded, 'ended by nobody');
  return faults;
}
