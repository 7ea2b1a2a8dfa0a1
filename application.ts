import type { RequestListener } from 'node:http';
import type { Express } from 'express';
import { accessGuard, scopeGuard } from './mlapi/auth/guard.ts';
import { oauthEndpoints } from './mlapi/auth/oauth-routes.ts';
import { openAuth } from './mlapi/auth/open-auth.ts';
import { authEndpoints, discoveryEndpoints, sessionEndpoints } from './mlapi/auth/routes.ts';
import type { Config } from './mlapi/configuration.ts';
import { docsEndpoints } from './mlapi/docs/routes.ts';
import { errorShapes, features, permissions, startingEndpoints, tags } from './mlapi/features.ts';
import { openFoundations, type FoundationOptions } from './mlapi/foundations.ts';
import { contributionsOf, openFeatures, type OpenFeature } from './mlapi/http/feature.ts';
import { healthEndpoints } from './mlapi/http/health/routes.ts';
import { securityTxtEndpoints } from './mlapi/http/health/security-txt.ts';
import { addressRateLimit, clientRateLimit } from './mlapi/http/limits/rate-limits.ts';
import type { Endpoint } from './mlapi/http/endpoint.ts';
import type { Observers } from './mlapi/http/request/request-log.ts';
import { errorResponses, notFound } from './mlapi/http/response/error-responses.ts';
import { checked, createExpress, firstSegments, routeNames, routes } from './mlapi/http/routing/express-router.ts';
import { createFastPath } from './mlapi/http/routing/fast-path.ts';
import type { Lifecycle } from './mlapi/http/server/lifecycle.ts';
import { createListener, type FastPath } from './mlapi/http/server/listener.ts';
import { createStartingApplication } from './mlapi/http/server/starting-application.ts';
import { openInference } from './mlapi/inference/open-inference.ts';
import { version } from './mlapi/version.ts';

/** The singletons of the service. */
export type Services = Awaited<ReturnType<typeof createServices>>;

/**
 * Builds the singletons.
 * @throws if keys, database or models cannot be opened
 * @example
 * const services = await createServices(readConfig());
 * await services.close();
 */
export async function createServices(config: Config, options: FoundationOptions = {}) {
  const foundations = await openFoundations(config, options);
  // scrypt stretches the passphrase on another thread; the models are loaded meanwhile.
  const opening = openAuth({ ...foundations, permissions });
  opening.catch(() => undefined);
  const models = await openInference(foundations);
  const core = { ...foundations, ...(await opening), ...models };

  const opened = await openFeatures(features, core);
  const contributed = contributionsOf([core.inference, ...Object.values<OpenFeature>(opened)]);
  for (const check of contributed.healthChecks) core.checks.add(check);
  core.metrics.watch({ others: contributed.metrics });
  contributed.startMaintenance();

  const close = async () => {
    await core.watch.stop();
    // Both may write to the database.
    await contributed.close().finally(() => core.predictors.release());
    core.counters.close();
    await core.database.destroy();
    await core.tracing?.finish();
  };
  return { ...core, ...opened, contributed, errorShapes, close };
}

/** Mounts the routes, in the order in which a request meets them; the hot ones also ahead of Express. */
export function mountRoutes(services: Services): { application: Express; fastPath: FastPath } {
  const { config, metrics, counters, tokens, contributed } = services;
  const open = [
    ...healthEndpoints(services.lifecycle, services.checks),
    ...contributed.publicEndpoints,
    ...discoveryEndpoints(services),
    ...securityTxtEndpoints(services.securityTxt, services.clock),
  ];
  const auth = [...authEndpoints(services), ...oauthEndpoints(services)];
  const session = sessionEndpoints(services);
  const guarded = [...session, ...contributed.endpoints];
  const docs: Endpoint[] = config.docs
    ? docsEndpoints([...open, ...auth, ...guarded], version, config, { errorShapes, tags })
    : [];
  const scope = scopeGuard(services);
  const application = createExpress();

  // Public.
  application.use(routes([...open, ...docs], [scope]));

  // Token endpoints: public, with a limit per address. Requests rejected by the limit are counted under their route too.
  application.use(routeNames([...auth, ...session]));
  application.use('/auth', addressRateLimit(config, counters.counter('per-address'), metrics));
  application.use(routes(auth, [scope]));

  // Protected. The guard stands before the body reader: unauthenticated requests are rejected before their bodies are parsed.
  const checks = [
    accessGuard(tokens),
    clientRateLimit(config, counters.counter('per-client', config.rateLimitPerMinute), services),
    scope,
  ];
  application.use(routes(guarded, checks));
  application.use([...session.map(({ path }) => path), ...firstSegments(contributed.endpoints)], checked(checks));

  application.use(notFound, errorResponses);
  return { application, fastPath: createFastPath(guarded, checks) };
}

/** Handles requests until the services are open: health endpoints only. */
export function createStartingListener(config: Config, lifecycle: Lifecycle, observers: Observers): RequestListener {
  return createStartingApplication(lifecycle, config, { ...observers, errorShapes }, startingEndpoints(lifecycle));
}

/** Handles every request. */
export function createApplication(services: Services): RequestListener {
  const { application, fastPath } = mountRoutes(services);
  return createListener(application, services.config, services, fastPath);
}
