import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';

type Row = Record<string, string | number | null>;

/** The database of a killed service, in use by nobody else: opening it recovers its log. */
export class KilledDatabase {
  readonly #dataDir: string;
  readonly #database: Libsql.Database;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#database = new Libsql(join(dataDir, 'mlapi.db'));
  }

  all(sql: string, ...parameters: unknown[]): Row[] {
    return this.#database.prepare(sql).all(parameters) as Row[];
  }

  one(sql: string, ...parameters: unknown[]): Row | undefined {
    return this.all(sql, ...parameters)[0];
  }

  count(from: string, ...parameters: unknown[]): number {
    return Number(this.one(`select count(*) as n from ${from}`, ...parameters)?.n);
  }

  close(): void {
    this.#database.close();
  }

  /** General faults, whatever was being written. */
  faults(): string[] {
    const faults: string[] = [];
    const integrity = JSON.stringify(this.all('pragma integrity_check'));
    if (integrity !== '[{"integrity_check":"ok"}]') faults.push(`integrity_check: ${integrity}`);
    const orphans = this.all('pragma foreign_key_check').length;
    if (orphans > 0) faults.push(`${orphans} rows without their client`);
    // Only tokens issued by operators may coexist: a reset ends the earlier family.
    const doubled = this.all(
      `select client_id from token_families where ended_at is null and client_id in (select client_id from audit_events
       where event = 'reset') group by client_id having count(*) > 1`,
    );
    if (doubled.length > 0) faults.push(`${doubled.length} clients with two live heads`);
    const made = this.count(`audit_events where event = 'key_created'`);
    if (made !== this.count('signing_keys')) faults.push('keys and their audit rows differ');
    const retired = this.count(`audit_events where event = 'key_retired'`);
    if (retired !== this.count('signing_keys where retired_at is not null')) faults.push('a key half retired');
    for (const name of readdirSync(this.#dataDir)) {
      if (!/^(?:mlapi\.db(?:-wal|-shm)?|fresh-.*)$/.test(name)) faults.push(`a file left behind: ${name}`);
    }
    return faults;
  }
}
