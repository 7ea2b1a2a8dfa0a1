import { ClientService } from '../auth/client-service.ts';
import { KeyManager } from '../auth/key-manager.ts';
import { KeyStore } from '../auth/key-store.ts';
import { Passwords } from '../auth/passwords.ts';
import { TokenMaker } from '../auth/token-maker.ts';
import { TokenService } from '../auth/token-service.ts';
import { readConfig } from '../config/config.ts';
import { namesOf } from './model-names.ts';
import { openDatabase, type Queries } from '../persistence/database.ts';
import { prepareDatabase } from '../persistence/migrations.ts';
import { ForeignModels } from '../inference/foreign-models.ts';
import { listFolders } from '../inference/predictors.ts';
import { openModelStore } from '../models/open-model-store.ts';
import type { ModelService } from '../models/model-service.ts';
import type { ModelStore } from '../models/model-store.ts';
import { noMetrics } from '../telemetry/metrics.ts';

/** What operators' commands work with: the same database as the running service, without its models. */
export interface Operator {
  clients(): Promise<ClientService>;
  keys(): Promise<KeyManager>;
  tokens(): Promise<TokenService>;
  /** The model store, and what may not be in it: the names of the folders. */
  models(): Promise<{ store: ModelStore; service: ModelService }>;
  /** Work on the tables themselves, all or nothing. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
}

/** Opens the database for one command, and closes it after. */
export async function asOperator<T>(work: (operator: Operator) => Promise<T>): Promise<T> {
  const config = readConfig();
  const database = openDatabase(config);
  const clock = Date.now;
  const keys = () => KeyManager.open({ store: new KeyStore(database), config, clock });
  const operator: Operator = {
    clients: async () => new ClientService(database, await Passwords.create(), clock),
    keys,
    tokens: async () =>
      new TokenService({
        config,
        database,
        maker: new TokenMaker(config, await keys(), clock),
        metrics: noMetrics,
        clock,
      }),
    models: () => {
      const shipped = new Set(listFolders(config.modelsDir).map((folder) => namesOf(folder).name));
      const isShipped = (name: string) => shipped.has(name);
      const foreign = new ForeignModels({ ...config, memoryBytes: config.modelMemoryBytes });
      return Promise.resolve(openModelStore({ config, database, foreign, isShipped, clock }));
    },
    transaction: (change) => database.transaction().execute(change),
  };
  try {
    await prepareDatabase(database);
    return await work(operator);
  } finally {
    await database.destroy();
  }
}
