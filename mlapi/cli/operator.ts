import { ClientGrants } from '../auth/tokens/client-grants.ts';
import { ClientService } from '../auth/clients/client-service.ts';
import { KeyManager } from '../auth/keys/key-manager.ts';
import { KeyStore } from '../auth/stores/key-store.ts';
import { Passwords } from '../auth/clients/passwords.ts';
import { TokenMaker } from '../auth/tokens/token-maker.ts';
import { TokenService } from '../auth/tokens/token-service.ts';
import { readConfig, type Config } from '../configuration.ts';
import { allMigrations, permissions } from '../features.ts';
import { openDatabase, type Database, type Queries } from '../persistence/database.ts';
import { prepareDatabase } from '../persistence/migrations.ts';
import { noMetrics } from '../telemetry/metrics/metrics.ts';

/** Services for operator commands: the database of the running service, without its models. */
export interface Operator {
  clients(): Promise<ClientService>;
  keys(): Promise<KeyManager>;
  tokens(): Promise<TokenService>;
  grants(): Promise<ClientGrants>;
  readonly config: Config;
  readonly database: Database;
  /** Runs work on the tables in one transaction. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
}

/** Opens the database for one command and closes it afterwards. */
export async function asOperator<T>(work: (operator: Operator) => Promise<T>): Promise<T> {
  const config = readConfig();
  const database = openDatabase(config);
  const clock = Date.now;
  const keys = () => KeyManager.open({ store: new KeyStore(database), config, clock });
  const maker = async () => new TokenMaker(config, await keys(), clock);
  const operator: Operator = {
    clients: async () => new ClientService({ database, passwords: await Passwords.create(), permissions, clock }),
    keys,
    tokens: async () => new TokenService({ config, database, maker: await maker(), metrics: noMetrics, clock }),
    grants: async () => new ClientGrants({ config, database, maker: await maker(), clock }),
    config,
    database,
    transaction: (change) => database.transaction().execute(change),
  };
  try {
    await prepareDatabase(database, await allMigrations());
    return await work(operator);
  } finally {
    await database.destroy();
  }
}
