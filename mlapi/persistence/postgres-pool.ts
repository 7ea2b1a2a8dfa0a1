import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import { DatabaseError, Pool, types, type PoolClient } from 'pg';
import { DatabaseUnreachable } from './busy.ts';

/** For each process: a server that takes 100 connections, PostgreSQL's default, has room for nine of them. */
const maxConnections = 10;
const connectTimeoutMs = 2_000;
/** How much later we give up ourselves: nothing came back, so the connection is taken for dead. */
const responseLeewayMs = 500;
/** A process that hangs within a transaction, or whose machine went away, loses its locks. */
const idleInTransactionTimeoutMs = 10_000;
const readOnlyTransaction = '25006';

/** Connections to PostgreSQL, whose waits are bounded: whoever gets none in time, or no answer, is told that it is away. */
export class BoundedPool implements PostgresPool {
  readonly #pool: Pool;
  readonly #statementTimeoutMs: number;

  /** @param timeoutMs for one statement; 0: as long as it takes */
  constructor(databaseUrl: string, timeoutMs: number) {
    this.#statementTimeoutMs = timeoutMs;
    this.#pool = new Pool({
      connectionString: databaseUrl,
      application_name: 'mlapi',
      max: maxConnections,
      connectionTimeoutMillis: connectTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      statement_timeout: timeoutMs,
      keepAlive: true,
      // Idle connections must not keep a command from ending.
      allowExitOnIdle: true,
      types: { getTypeParser },
    });
    // Without listeners, the loss of a connection would end the process; the pool has dropped it, and the next query connects anew.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async connect(): Promise<BoundedClient> {
    try {
      return new BoundedClient(await this.#pool.connect(), this.#statementTimeoutMs);
    } catch (cause) {
      throw new DatabaseUnreachable(reasonOf(cause), { cause });
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

class BoundedClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  readonly #responseTimeoutMs: number;
  #isSpoiled = false;

  constructor(client: PoolClient, timeoutMs: number) {
    this.#client = client;
    this.#responseTimeoutMs = timeoutMs === 0 ? 0 : timeoutMs + responseLeewayMs;
  }

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query(text: unknown, parameters?: readonly unknown[]): unknown {
    if (typeof text !== 'string') throw new Error('rows are not streamed');
    return this.#execute(text, parameters ?? []);
  }

  release(): void {
    this.#client.release(this.#isSpoiled);
  }

  async #execute(text: string, parameters: readonly unknown[]): Promise<unknown> {
    const endWatch = this.#watch();
    try {
      return await this.#client.query(text, [...parameters]);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw new DatabaseUnreachable(reasonOf(error), { cause: error });
      // Since a fail-over the server at the other end is a standby: the next connection finds the new one.
      if (error.code === readOnlyTransaction) this.#isSpoiled = true;
      throw error;
    } finally {
      endWatch();
    }
  }

  /** Ends a connection on which nothing comes back. @returns what ends the watch */
  #watch(): () => void {
    if (this.#responseTimeoutMs === 0) return () => undefined;
    let isOver = false;
    const timer = setTimeout(() => {
      // An answer may have come while this process was busy: it is read before we judge.
      setImmediate(() => {
        if (!isOver) this.#client.connection.stream.destroy(new Error('the server did not answer in time'));
      });
    }, this.#responseTimeoutMs);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }
}

/** 64-bit integers are times in milliseconds and counts here, which a number holds exactly. */
const getTypeParser: typeof types.getTypeParser = (oid, format) =>
  oid === types.builtins.INT8 ? Number : (types.getTypeParser(oid, format) as never);

/** In words of the driver, which never hold the password. Where several addresses were tried, Node gives no message but a code. */
function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return [message, code].find((text) => text !== undefined && text !== '') ?? 'for no known reason';
}
