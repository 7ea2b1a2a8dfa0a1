import type { RequestListener } from 'node:http';
import type { Express } from 'express';
import { accessGuard, scopeGuard } from './mlapi/auth/guard.ts';
import { openKeys } from './mlapi/auth/keys/open-keys.ts';
import { oauthEndpoints } from './mlapi/auth/oauth-routes.ts';
import { openAuth } from './mlapi/auth/open-auth.ts';
import { authEndpoints, discoveryEndpoints, sessionEndpoints } from './mlapi/auth/routes.ts';
import type { Config } from './mlapi/config/config.ts';
import { docsEndpoints } from './mlapi/docs/routes.ts';
import type { Endpoint } from './mlapi/http/endpoint.ts';
import { HealthChecks } from './mlapi/http/health/health-checks.ts';
import { healthEndpoints } from './mlapi/http/health/routes.ts';
import { openSecurityTxt, securityTxtEndpoints } from './mlapi/http/health/security-txt.ts';
import type { CounterStore } from './mlapi/http/limits/counters.ts';
import { openCounters } from './mlapi/http/limits/open-counters.ts';
import { addressRateLimit, clientRateLimit } from './mlapi/http/limits/rate-limits.ts';
import { errorResponses, notFound } from './mlapi/http/response/error-responses.ts';
import { checked, createExpress, routeNames, routes } from './mlapi/http/routing/express-router.ts';
import { createFastPath } from './mlapi/http/routing/fast-path.ts';
import { Lifecycle } from './mlapi/http/server/lifecycle.ts';
import { createListener, type FastPath } from './mlapi/http/server/listener.ts';
import { Service } from './mlapi/http/server/service.ts';
import { createStartingApplication } from './mlapi/http/server/starting-application.ts';
import { ModelRegistry } from './mlapi/inference/model-registry.ts';
import { combineObservers, withoutModelNames, type InferenceObserver } from './mlapi/inference/observer.ts';
import { inferenceEndpoints } from './mlapi/inference/routes.ts';
import { UntrustedModels } from './mlapi/inference/untrusted/untrusted-models.ts';
import { openModelStore } from './mlapi/models/open-model-store.ts';
import { modelStoreEndpoints } from './mlapi/models/routes.ts';
import { openOip } from './mlapi/oip/open-oip.ts';
import { oipEndpoints, oipHealthEndpoints } from './mlapi/oip/routes.ts';
import { RunStatistics } from './mlapi/oip/statistics.ts';
import { checkDatabase } from './mlapi/persistence/database.ts';
import { AuditNotices } from './mlapi/telemetry/audit-notices.ts';
import { createLogger, type Logger } from './mlapi/telemetry/logger.ts';
import { noMetrics, type Metrics } from './mlapi/telemetry/metrics/metrics.ts';
import { openTracing } from './mlapi/telemetry/otlp/open-tracing.ts';
import { version } from './mlapi/version.ts';

/** Everything that is built once. */
export type Services = Awaited<ReturnType<typeof createServices>>;

interface Foundations {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Milliseconds that only go forward. */
  readonly monotonicClock?: () => number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly lifecycle?: Lifecycle;
  /** Where requests are counted without Redis. */
  readonly localCounters?: CounterStore;
  readonly securityTxtPath?: string;
}

/** Builds the singletons. Whatever is wrong with keys, database or models stops it here. */
export async function createServices(config: Config, foundations: Foundations = {}) {
  const { clock = Date.now, monotonicClock = () => performance.now(), localCounters } = foundations;
  const { logger = createLogger(config), lifecycle = new Lifecycle(), metrics = noMetrics } = foundations;
  const securityTxt = openSecurityTxt(foundations.securityTxtPath ?? 'resources/security.txt', logger, clock);
  const { database, keys: opening } = await openKeys(config, clock);
  const counters = await openCounters(config, { monotonicClock, logger, localCounters });
  // The models are loaded while the keys open.
  const observers: InferenceObserver[] = [metrics];
  const oipStatistics = new RunStatistics(clock);
  observers.push(oipStatistics);
  const loading = ModelRegistry.load(config, combineObservers(observers));
  loading.catch(() => undefined);
  const auth = await openAuth({ config, database, opening, counters, logger, metrics, clock });
  const predictors = await loading;
  const untrustedModelsObservers: InferenceObserver[] = [withoutModelNames(metrics)];
  untrustedModelsObservers.push(oipStatistics);
  const untrustedModelsOptions = { ...config, observer: combineObservers(untrustedModelsObservers), logger };
  const untrusted = new UntrustedModels(untrustedModelsOptions);
  const confirm = auth.tokens.confirm.bind(auth.tokens);
  const modelStore = openModelStore({ config, database, untrusted, predictors, confirm, clock, logger });
  modelStore.store.startMaintenance(logger);
  predictors.attach(modelStore.store);
  oipStatistics.forgetAllBut(() => predictors.loaded());
  const tracing = await openTracing(config, logger);
  const checks = new HealthChecks(
    [
      { name: 'database', check: () => checkDatabase(database) },
      { name: 'redis', check: () => counters.check() },
      { name: 'models', check: () => predictors.check() },
    ],
    { clock: monotonicClock, logger },
  );
  const notices = new AuditNotices({ database, clock, monotonicClock });
  const close = async () => {
    await auth.watch.stop();
    await predictors.release();
    counters.close();
    await database.destroy();
    await tracing?.finish();
  };
  metrics.watch({
    tokenCacheEntries: () => auth.tokens.remembered,
    modelMemoryBytes: () => predictors.memory(),
    modelVerdicts: () => predictors.verdicts(),
  });
  metrics.watch({ others: () => modelStore.traffic.metrics() });
  logger.onDropped = (lines) => metrics.logLinesDropped(lines);
  const foundation = { config, logger, metrics, tracing, lifecycle, database, counters, checks, securityTxt, clock };
  return {
    ...foundation,
    ...auth,
    notices,
    predictors,
    oipStatistics,
    modelStore,
    close,
  };
}

/** Mounts the routes, in the order in which a request meets them; those behind the guard also ahead of Express. */
export function mountRoutes(services: Services): { application: Express; fastPath: FastPath } {
  const { config, metrics, lifecycle, counters, keys, authenticator, tokens, predictors, clock } = services;
  const guarded = inferenceEndpoints(predictors, config);
  guarded.push(...modelStoreEndpoints({ ...services.modelStore, predictors, config }));
  guarded.push(...oipEndpoints(openOip(services)));
  const open = [
    ...healthEndpoints(lifecycle, services.checks),
    ...oipHealthEndpoints(lifecycle, services.checks),
    ...discoveryEndpoints(keys, config),
    ...securityTxtEndpoints(services.securityTxt, clock),
  ];
  const auth = [...authEndpoints(authenticator, tokens), ...oauthEndpoints(services)];
  const session = sessionEndpoints();
  const docs = config.docs ? docsEndpoints([...open, ...auth, ...session, ...guarded], version, config) : [];
  const authorize = scopeGuard(services);

  const application = createExpress();
  application.use(routes([...open, ...docs], authorize));

  // Also what is refused from here on is counted with its route.
  application.use(routeNames([...auth, ...session, ...guarded]));

  // Where tokens come from: public, and few requests from each address.
  application.use('/auth', addressRateLimit(config, counters.counter('per-address'), metrics));
  application.use(routes(auth, authorize));

  // Guard before body reader: strangers must not make us parse. From here on, everything needs a token.
  const checks = [
    accessGuard(tokens),
    clientRateLimit(config, counters.counter('per-client', config.rateLimitPerMinute), services),
  ];
  application.use(['/auth/session', '/api', '/v2'], checked(checks));
  application.use(routes([...session, ...guarded], authorize));

  application.use(notFound, errorResponses);
  return { application, fastPath: createFastPath(guarded, checks, authorize) };
}

/** What answers every request. */
export function createApplication(services: Services): RequestListener {
  const { application, fastPath } = mountRoutes(services);
  return createListener(application, services.config, services, fastPath);
}

/** Serves in this process. With `listensEarly`, liveness answers from the first moment on. */
export async function serve(
  config: Config,
  { listensEarly = true, ...foundations }: Foundations & { listensEarly?: boolean } = {},
): Promise<Services & { service: Service }> {
  const { logger = createLogger(config), lifecycle = new Lifecycle(), metrics = noMetrics } = foundations;
  const service = new Service({ config, logger, lifecycle });
  const early: Endpoint[] = [];
  early.push(...oipHealthEndpoints(lifecycle));
  if (listensEarly) await service.listen(createStartingApplication(lifecycle, config, { logger, metrics }, early));
  const services = await createServices(config, { ...foundations, logger, lifecycle });
  await services.tokens.schedulePurge(logger);
  await service.serve({ listener: createApplication(services), close: () => services.close() });
  return { ...services, service };
}
