import type { Config } from './configuration.ts';
import { allMigrations } from './features.ts';
import { HealthChecks } from './http/health/health-checks.ts';
import { openSecurityTxt } from './http/health/security-txt.ts';
import type { CounterStore } from './http/limits/counters.ts';
import { openCounters } from './http/limits/open-counters.ts';
import { Lifecycle } from './http/server/lifecycle.ts';
import { checkDatabase, openDatabase } from './persistence/database.ts';
import { prepareDatabase } from './persistence/migrations.ts';
import { AuditNotices } from './telemetry/audit-notices.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';
import { noMetrics, type Metrics } from './telemetry/metrics/metrics.ts';
import { openTracing } from './telemetry/otlp/open-tracing.ts';

/** Parts that the caller supplies; the others are created from the configuration. */
export interface FoundationOptions {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Monotonic, in milliseconds. */
  readonly monotonicClock?: () => number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly lifecycle?: Lifecycle;
  /** Counter store shared with other processes, used without Redis. */
  readonly localCounters?: CounterStore;
  readonly securityTxtPath?: string;
}

/** Opens what every feature builds on: log, metrics, database, counters, tracing. @throws {MigrationPending} */
export async function openFoundations(config: Config, options: FoundationOptions) {
  const { clock = Date.now, monotonicClock = () => performance.now(), localCounters } = options;
  const { logger = createLogger(config), lifecycle = new Lifecycle(), metrics = noMetrics } = options;
  const securityTxt = openSecurityTxt(options.securityTxtPath ?? 'resources/security.txt', logger, clock);
  const database = openDatabase(config);
  await prepareDatabase(database, await allMigrations());
  const counters = await openCounters({ monotonicClock, logger, localCounters }, config);
  const tracing = await openTracing(config, logger);
  const notices = new AuditNotices({ database, clock, monotonicClock });
  const checks = new HealthChecks({ clock: monotonicClock, logger });
  checks.add({ name: 'database', check: () => checkDatabase(database) });
  checks.add({ name: 'redis', check: () => counters.check() });
  logger.onDropped = (lines) => metrics.logLinesDropped(lines);
  return { config, logger, metrics, tracing, lifecycle, database, counters, checks, notices, securityTxt, clock };
}
