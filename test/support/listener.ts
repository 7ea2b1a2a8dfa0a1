import type { RequestListener } from 'node:http';
import { createApplication, mountRoutes, type Services } from '../../application.ts';
import { createListener } from '../../mlapi/http/server/listener.ts';

/** `TEST_WITHOUT_FAST_PATH=1` runs every test through Express instead of the fast path. */
export const wayVariables: Readonly<Record<string, string>> =
  process.env.TEST_WITHOUT_FAST_PATH === '1' ? { TEST_WITHOUT_FAST_PATH: '1' } : {};

/** The request listener under test. */
export function listenerOf(services: Services): RequestListener {
  if (process.env.TEST_WITHOUT_FAST_PATH !== '1') return createApplication(services);
  return createListener(mountRoutes(services).application, services.config, services);
}
