import type { CoreConfig } from '../config/core-config.ts';
import type { CounterStore } from '../http/limits/counters.ts';
import type { Database } from '../persistence/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics/metrics.ts';
import { ClientAuthenticator } from './clients/client-authenticator.ts';
import { ClientService } from './clients/client-service.ts';
import { FailureCounter } from './clients/failure-counter.ts';
import { Passwords } from './clients/passwords.ts';
import { KeyManager } from './keys/key-manager.ts';
import { KeyWatch } from './keys/key-watch.ts';
import { KeyStore } from './stores/key-store.ts';
import { ClientGrants } from './tokens/client-grants.ts';
import { TokenMaker } from './tokens/token-maker.ts';
import { TokenService } from './tokens/token-service.ts';

interface AuthOptions {
  readonly config: CoreConfig;
  readonly database: Database;
  readonly counters: CounterStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** All permissions that a token may hold. */
  readonly permissions: readonly string[];
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Opens the keys and creates the services for clients and tokens. @throws {WrongPassphrase} */
export async function openAuth({ config, database, counters, logger, metrics, permissions, clock }: AuthOptions) {
  // scrypt stretches the passphrase on another thread, which takes about a third of a second.
  const opening = KeyManager.open({ store: new KeyStore(database), config, clock });
  const [keys, passwords] = await Promise.all([opening, Passwords.create()]);
  // Per name, over all addresses: higher than the limit of one address, far below what guessing needs.
  const failures = new FailureCounter(
    10 * config.authRateLimitPerMinute,
    counters.counter('failed-passwords'),
    metrics,
  );
  const clients = new ClientService({ database, passwords, permissions, clock });
  const authenticator = new ClientAuthenticator({ config, database, passwords, failures, clock });
  const maker = new TokenMaker(config, keys, clock);
  const tokens = new TokenService({ config, database, maker, metrics, clock });
  const grants = new ClientGrants({ config, database, maker, clock });
  metrics.watch({ tokenCacheEntries: () => tokens.remembered });
  const watch = new KeyWatch(keys, logger);
  return { keys, watch, clients, authenticator, tokens, grants, permissions };
}
