import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import { DatabaseError, Pool, types, type PoolClient } from 'pg';
import { DatabaseUnreachable } from './busy.ts';

/** Per process: PostgreSQL's default of 100 connections suffices for nine processes. */
const maxConnections = 10;
const connectTimeoutMs = 2_000;
/** How much later than the server's timeout the connection is treated as dead. */
const responseLeewayMs = 500;
/** A process that hangs in a transaction, or whose machine is gone, loses its locks. */
const idleInTransactionTimeoutMs = 10_000;
const readOnlyTransaction = '25006';

/** Connection pool with bounded waits: without a connection or a response in time, it throws DatabaseUnreachable. */
export class BoundedPool implements PostgresPool {
  readonly #pool: Pool;
  readonly #statementTimeoutMs: number;

  /** @param timeoutMs limit per statement; 0: none */
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
    // Without listeners, losing a connection would end the process. The pool drops it, and the next query reconnects.
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
      // After a fail-over, this connection leads to a standby; a new connection finds the primary.
      if (error.code === readOnlyTransaction) this.#isSpoiled = true;
      throw error;
    } finally {
      endWatch();
    }
  }

  /** Destroys the connection if no response arrives. @returns a function that ends the watch */
  #watch(): () => void {
    if (this.#responseTimeoutMs === 0) return () => undefined;
    let isOver = false;
    const timer = setTimeout(() => {
      // A response may have arrived while this process was busy: let it be read first.
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

/** 64-bit integers here are times in milliseconds and counts, which a number represents exactly. */
const getTypeParser: typeof types.getTypeParser = (oid, format) =>
  oid === types.builtins.INT8 ? Number : (types.getTypeParser(oid, format) as never);

/** Returns the driver's message, which never contains the password. If several addresses were tried, Node sets only a code. */
function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return [message, code].find((text) => text !== undefined && text !== '') ?? 'for no known reason';
}
